-- One page of runs, newest first, by keyset: ids below :before. Each half stops at its own limit, so neither table is read whole.
select * from (
    (select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, started_at,
            null::timestamptz as finished_at, node_id, params, null as result, error, progress, key, label, origin, actor, retry_of,
            cancel_requested, cancelled_by, seq, claim_seq,
            schedule_id, slot_at, blocked_by, blocked_on
     from mainspring.hot_runs
     where id < :before::uuid and (:states::smallint[] is null or state = any(:states::smallint[])) and (:task::text is null or task = :task::text)
       and (:queue::text is null or queue = :queue::text) and (:label::text is null or label = :label::text)
     order by id desc limit :n_unfinished)
    union all
    (select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, started_at,
            finished_at, node_id, params, result, error, progress, key, label, origin, actor, retry_of, false, cancelled_by, seq, claim_seq,
            schedule_id, slot_at, blocked_by, blocked_on
     from mainspring.history
     where id < :before::uuid and (:states::smallint[] is null or state = any(:states::smallint[])) and (:task::text is null or task = :task::text)
       and (:queue::text is null or queue = :queue::text) and (:label::text is null or label = :label::text)
     order by id desc limit :n)
) as page order by id desc limit :n
