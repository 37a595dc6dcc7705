-- Make due runs ready, or put them into the list of a limit, but for those that have to pass a gate; from a watermark on.
update mainspring.hot_runs
set state = case when coalesce(limit_queue, limit_task, limit_key) is null then 3 else 0 end, ready_at = case when coalesce(limit_queue, limit_task, limit_key) is null then {NOW} end,
    waits_for = coalesce(limit_queue, limit_task, limit_key), reason = case when coalesce(limit_queue, limit_task, limit_key) is not null then 'limit' end
where id in (select id from mainspring.hot_runs where state = 2 and gate = 0 and run_at >= :since and run_at <= {NOW} order by run_at limit :n)
returning queue, tenant, pool, priority, waits_for
