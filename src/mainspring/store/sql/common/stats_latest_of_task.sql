-- The newest finished runs as a chart needs them, where nothing is counted ahead: of one queue, or of somebody who does not see all. As many
-- as :bound are looked at. By the index of tasks.
select id, state, started_at, ready_at, finished_at from (
    select id, state, task, queue, tenant, actor, origin, started_at, ready_at, finished_at from mainspring.history
    where id >= :lowest and task = :task order by id desc limit :bound
) as looked_at
where {SEEN} and origin <> 'service' and (cast(:queue as text) is null or queue = :queue) and (cast(:task as text) is null or task = :task)
order by id desc
