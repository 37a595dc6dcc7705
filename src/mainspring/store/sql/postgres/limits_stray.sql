-- Runs that a limit binds and that do not carry its key: ready ones near the heads of their lanes, where the claim leaves them lying, and
-- running ones. Few limits bind anything, and where none does this looks at nothing.
with recursive bound as materialized (
    select binds_queue, binds_task from mainspring.limits where binds_queue is not null
    union all select binds_queue, binds_task from mainspring.limits where binds_task is not null
),
lane as (
    (select queue, tenant, pool, priority from mainspring.hot_runs where state = 3 and exists (select from bound where binds_task is not null)
     order by queue, tenant, pool, priority, ready_at limit 1)
    union all
    (select following.* from lane cross join lateral (
        select queue, tenant, pool, priority from mainspring.hot_runs
        where state = 3 and (queue, tenant, pool, priority) > (lane.queue, lane.tenant, lane.pool, lane.priority)
        order by queue, tenant, pool, priority, ready_at limit 1) as following)
)
select id from (
    (select run.id from bound cross join lateral (
        select id from mainspring.hot_runs where state = 3 and queue = bound.binds_queue and limit_queue is null limit :n) as run)
    union all
    (select run.id from lane cross join lateral (
        select id, task, limit_task from mainspring.hot_runs
        where state = 3 and queue = lane.queue and tenant = lane.tenant and pool = lane.pool and priority = lane.priority
        order by ready_at, id limit :n) as run
     where limit_task is null and task in (select binds_task from bound where binds_task is not null))
    union all
    (select id from mainspring.hot_runs
     where state = 4 and node_id is not null and exists (select from bound)
       and ((limit_queue is null and queue in (select binds_queue from bound where binds_queue is not null))
            or (limit_task is null and task in (select binds_task from bound where binds_task is not null)))
     limit :n)
) as stray limit :n
