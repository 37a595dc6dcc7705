-- The lanes that hold ready runs, with their oldest: a loose index scan, one look per lane however long each is.
with recursive lane(head) as (
    select (select json_array(queue, tenant, pool, priority, ready_at) from mainspring.hot_runs
            where state = 3 order by queue, tenant, pool, priority, ready_at limit 1)
    union all
    select (select json_array(queue, tenant, pool, priority, ready_at) from mainspring.hot_runs
            where state = 3 and (queue, tenant, pool, priority) > (head->>0, head->>1, head->>2, head->>3)
            order by queue, tenant, pool, priority, ready_at limit 1)
    from lane where head is not null
)
select head->>0 as queue, head->>1 as tenant, head->>2 as pool, head->>3 as priority, head->>4 as ready_at from lane
where head is not null and head->>0 not in (select name from mainspring.queues where paused_at is not null)
  and head->>1 not in (select name from mainspring.tenants where state <> 1)
