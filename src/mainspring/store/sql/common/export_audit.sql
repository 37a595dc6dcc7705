-- The next audit rows.
select id, at, actor, verb, object, source, reason, data, tenant, address, request_id from mainspring.audit where id > :after order by id limit :n
