-- Make due runs ready, or put them into the list of a limit, but for those that have to pass a gate; from a watermark on, past the graveyard of those that were. Predicates use {NOW}, which is stable and so an index condition; a volatile clock cost 283 ms against 0.7.
update mainspring.hot_runs
set state = case when coalesce(limit_queue, limit_task, limit_key) is null then 3 else 0 end, ready_at = case when coalesce(limit_queue, limit_task, limit_key) is null then {CLOCK} end,
    waits_for = coalesce(limit_queue, limit_task, limit_key), reason = case when coalesce(limit_queue, limit_task, limit_key) is not null then 'limit' end
where id = any(array(
    select id from mainspring.hot_runs where state = 2 and gate = 0 and run_at >= :since and run_at <= {NOW} order by run_at limit :n for update skip locked))
returning queue, tenant, pool, priority, waits_for
