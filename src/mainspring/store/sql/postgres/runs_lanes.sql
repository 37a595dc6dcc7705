-- The lanes that hold ready runs, with their oldest: a loose index scan, one look per lane however long each is.
with recursive lane as (
    (select queue, tenant, pool, priority, ready_at from mainspring.hot_runs where state = 3 order by queue, tenant, pool, priority, ready_at limit 1)
    union all
    (select following.* from lane cross join lateral (
        select queue, tenant, pool, priority, ready_at from mainspring.hot_runs
        where state = 3 and (queue, tenant, pool, priority) > (lane.queue, lane.tenant, lane.pool, lane.priority)
        order by queue, tenant, pool, priority, ready_at limit 1) as following)
)
select queue, tenant, pool, priority, ready_at from lane
where queue not in (select name from mainspring.queues where paused_at is not null)
  and tenant not in (select name from mainspring.tenants where state <> 1)
