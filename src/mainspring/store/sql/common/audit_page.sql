-- The audit trail, newest first.
select id, at, actor, verb, object, source, reason, data from mainspring.audit
where id < :before and (cast(:object as text) is null or object = cast(:object as text)) order by id desc limit :n
