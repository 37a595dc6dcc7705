-- Let a run go on that waits for nothing that anybody could name: it is ready, or waits for a limit now.
insert into mainspring.events (run_id, seq, at, attempt, kind, data)
select id, seq + 1, {NOW}, attempt, 10, '{"reason": "forgotten"}' from mainspring.hot_runs
where id = :id and state in (0, 1) and reason is null and waits_for is null and gate = 0;

update mainspring.hot_runs
set state = case when coalesce(limit_queue, limit_task, limit_key) is null then 3 else 0 end,
    ready_at = case when coalesce(limit_queue, limit_task, limit_key) is null then {NOW} end,
    waits_for = coalesce(limit_queue, limit_task, limit_key),
    reason = case when coalesce(limit_queue, limit_task, limit_key) is not null then 'limit' end, seq = seq + 1
where id = :id and state in (0, 1) and reason is null and waits_for is null and gate = 0
returning queue, tenant, pool, priority, waits_for
