-- Runs that a limit binds and that do not carry its key: ready ones near the heads of their lanes, where the claim leaves them lying, and
-- running ones. Few limits bind anything, and where none does this looks at nothing.
with recursive lane(head) as (
    select (select json_array(queue, tenant, pool, priority) from mainspring.hot_runs
            where state = 3 and exists (select 1 from mainspring.limits where binds_task is not null)
            order by queue, tenant, pool, priority, ready_at limit 1)
    union all
    select (select json_array(queue, tenant, pool, priority) from mainspring.hot_runs
            where state = 3 and (queue, tenant, pool, priority) > (head->>0, head->>1, head->>2, head->>3)
            order by queue, tenant, pool, priority, ready_at limit 1)
    from lane where head is not null
)
select id from mainspring.hot_runs
where state = 3 and limit_queue is null and queue in (select binds_queue from mainspring.limits where binds_queue is not null)
union
select found.value from lane, json_each((
    select json_group_array(id) from (
        select id, task, limit_task from mainspring.hot_runs
        where state = 3 and queue = head->>0 and tenant = head->>1 and pool = head->>2 and priority = head->>3
        order by ready_at, id limit :n)
    where limit_task is null and task in (select binds_task from mainspring.limits where binds_task is not null))) found
where head is not null
union
select id from mainspring.hot_runs
where state = 4 and ((limit_queue is null and queue in (select binds_queue from mainspring.limits where binds_queue is not null))
                     or (limit_task is null and task in (select binds_task from mainspring.limits where binds_task is not null)))
limit :n
