-- One page of runs in certain states, of which completed is none: as runs_page, but by the index of what did not complete, state by state,
-- so that few failures in a long history are found at once, and what is unfinished is not looked for there.
select * from (
    (select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, started_at,
            null::timestamptz as finished_at, node_id, params, null as result, error, progress, key, label, origin, actor, retry_of,
            cancel_requested, cancelled_by, seq, claim_seq,
            schedule_id, slot_at, blocked_by, blocked_on
     from mainspring.hot_runs
     where id < :before::uuid and state = any(:states::smallint[]) and (:task::text is null or task = :task::text)
       and (:queue::text is null or queue = :queue::text) and (:label::text is null or label = :label::text)
     order by id desc limit :n_unfinished)
    union all
    (select past.id, past.task, past.state, past.reason, past.queue, past.tenant, past.priority, past.attempt, past.retries, past.max_retries,
            past.rescues, past.created_at, past.run_at, past.started_at, past.finished_at, past.node_id, past.params, past.result, past.error,
            past.progress, past.key, past.label, past.origin, past.actor, past.retry_of, false, past.cancelled_by, past.seq, past.claim_seq,
            past.schedule_id, past.slot_at, past.blocked_by, past.blocked_on
     from unnest(:final_states::smallint[]) as wanted(state)
     cross join lateral (
        select * from mainspring.history
        where history.state = wanted.state and history.state <> 10 and id < :before::uuid and (:task::text is null or task = :task::text)
          and (:queue::text is null or queue = :queue::text) and (:label::text is null or label = :label::text)
        order by id desc limit :n) as past)
) as page order by id desc limit :n
