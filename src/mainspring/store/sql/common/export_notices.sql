-- Every notice that is kept, the oldest first.
select id, at, object, kind, severity, data, run_id from mainspring.notices order by id
