-- The next audit rows.
select id, at, actor, verb, object, source, reason, data from mainspring.audit where id > :after order by id limit :n
