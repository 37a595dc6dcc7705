-- Write down that somebody was refused something; once for a while where it is tried again and again, so that nobody fills the trail by it.
insert into mainspring.audit (at, actor, verb, object, source, reason, data, tenant, address, request_id)
select {NOW}, :actor::text, :verb::text, :object::text, :source::text, :reason::text, :data::text, :tenant::text, :address::text, :request_id::text
where not exists (
    select 1 from (select actor, verb, data, at from mainspring.audit where object = :object::text order by id desc limit :looked_at) as latest
    where latest.actor = :actor::text and latest.verb = :verb::text and latest.data = :data::text and latest.at > {NOW} - :once_ms::float8 * interval '1 millisecond')
returning id
