-- Write down who did what, to which object, from where and why.
insert into mainspring.audit (at, actor, verb, object, source, reason, data, tenant, address, request_id)
values ({NOW}, :actor, :verb, :object, :source, :reason, :data, :tenant, :address, :request_id)
returning id
