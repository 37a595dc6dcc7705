-- Give runs the keys that bind them: ready ones go into a list, running ones go on and count from now on.
with locked as materialized (
    select run.id, run.state, run.limit_queue, run.limit_task, run.limit_key, q.key as bound_queue, t.key as bound_task
    from mainspring.hot_runs run
    left join mainspring.limits q on q.binds_queue = run.queue
    left join mainspring.limits t on t.binds_task = run.task
    where run.id = any(:ids::uuid[]) and run.state + 0 in (3, 4)
    order by run.id for update of run skip locked
)
update mainspring.hot_runs as run
set limit_queue = coalesce(run.limit_queue, locked.bound_queue), limit_task = coalesce(run.limit_task, locked.bound_task),
    state = case locked.state when 3 then 0 else 4 end, ready_at = case when locked.state = 4 then run.ready_at end,
    waits_for = case locked.state when 3 then coalesce(run.limit_queue, locked.bound_queue, run.limit_task, locked.bound_task, run.limit_key) end,
    reason = case locked.state when 3 then 'limit' else run.reason end
from locked
where run.id = locked.id and run.id = any(array(select id from locked where bound_queue is not null or bound_task is not null))
returning run.waits_for
