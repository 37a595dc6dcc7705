-- The oldest of the newest finished runs of a task that stay whatever their age; no row where it has fewer.
select id from mainspring.history where task = :task order by id desc limit 1 offset :skip
