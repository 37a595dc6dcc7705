-- Let named runs go on that are held for a reason: they are ready, or wait for a limit now.
with freed as (
    update mainspring.hot_runs
    set state = case when coalesce(limit_queue, limit_task, limit_key) is null then 3 else 0 end,
        ready_at = case when coalesce(limit_queue, limit_task, limit_key) is null then {CLOCK} end,
        waits_for = coalesce(limit_queue, limit_task, limit_key),
        reason = case when coalesce(limit_queue, limit_task, limit_key) is not null then 'limit' end, seq = seq + 1
    where id = any(array(
        select id from mainspring.hot_runs where id = any(:ids::uuid[]) and state + 0 = 1 and reason = :reason for update skip locked))
    returning id, seq, attempt, queue, tenant, pool, priority, waits_for
),
told as (
    insert into mainspring.events (run_id, seq, at, attempt, kind) select id, seq, {CLOCK}, attempt, 9 from freed
)
select queue, tenant, pool, priority, waits_for from freed
