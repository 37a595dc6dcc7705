-- The next runs by id, wherever they are.
select * from (
    select * from (
        select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, ready_at, started_at,
               null as finished_at, slot_at, deadline_at, timeout_ms, node_id, retry_of, parent_id, schedule_id, params_version, key, label, origin,
               actor, cancelled_by, seq, params, progress, null as result, error, meta
        from mainspring.hot_runs where id > :after order by id limit :n) as hot
    union all
    select * from (
        select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, ready_at, started_at,
               finished_at, slot_at, null as deadline_at, null as timeout_ms, node_id, retry_of, parent_id, schedule_id, params_version, key, label,
               origin, actor, cancelled_by, seq, params, progress, result, error, meta
        from mainspring.history where id > :after order by id limit :n) as past
) as page order by id limit :n
