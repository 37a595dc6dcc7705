-- Write down that somebody was refused something; once for a while where it is tried again and again, so that nobody fills the trail by it.
insert into mainspring.audit (at, actor, verb, object, source, reason, data, tenant, address, request_id)
select {NOW}, :actor, :verb, :object, :source, :reason, :data, :tenant, :address, :request_id
where not exists (
    select 1 from (select actor, verb, data, at from mainspring.audit where object = :object order by id desc limit :looked_at) as latest
    where latest.actor = :actor and latest.verb = :verb and latest.data = :data and latest.at > {NOW} - :once_ms * 1000)
returning id
