-- End waiting runs without another attempt (:final says how: cancelled, or timeout past the deadline); a cancel also flags running ones
-- for their node. A rollback is stopped by nobody: its run has failed already. SKIP LOCKED, because a wait here against a batch of finishes
-- would deadlock; an id that is not answered is being written right now or has finished: look again.
with clock as materialized (select {CLOCK} as now),
held as materialized (
    select run.*, clock.now, run.state <> 4 and run.ending is null and not (:final = 12 and run.owes_rollback) as ends
    from clock, mainspring.hot_runs run where id = any(:ids::uuid[]) order by id for update of run skip locked
),
gone as (
    delete from mainspring.hot_runs where id = any(array(select id from held where ends))
),
owing as (  -- past its deadline with a rollback to do: that comes first
    update mainspring.hot_runs run
    set state = case when coalesce(run.limit_queue, run.limit_task, run.limit_key) is null then 3 else 0 end, ready_at = held.now, pool = 6,
        reason = 'rollback', deadline_at = null, waits_for = coalesce(run.limit_queue, run.limit_task, run.limit_key),
        error = coalesce(run.error, :late),
        ending = json_build_object('state', 'timeout', 'reason', :reason::text, 'attempt', run.attempt)::text
    from held where run.id = held.id and held.state <> 4 and held.ending is null and not held.ends
      and run.id = any(array(select id from held where state <> 4))
),
flagged as (
    update mainspring.hot_runs run set cancel_requested = true, cancelled_by = :actor, seq = run.seq + 1
    from held where run.id = held.id and held.state = 4 and held.ending is null and not held.cancel_requested and :final = 13
      and run.id = any(array(select id from held where state = 4))
),
told as (
    insert into mainspring.events (run_id, seq, at, attempt, kind, data)
    select id, seq + 1, now, attempt, 6, :data from held where state = 4 and ending is null and not cancel_requested and :final = 13
),
counted as (
    insert into mainspring.stats as s (bucket, task, state, shard, n, ran_ms, waited_ms)
    select date_trunc('minute', now), task, :final::smallint, :shard, count(*), 0, 0 from held where ends group by 1, 2 order by 2
    on conflict (bucket, task, state, shard) do update set n = s.n + excluded.n
),
past as (
    insert into mainspring.history (
        id, created_at, run_at, ready_at, started_at, finished_at, slot_at, node_id, retry_of, parent_id, schedule_id, seq, claim_seq,
        attempt, state, reason, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label, origin, actor,
        cancelled_by, params, progress, error, meta, blocked_by, blocked_on)
    select id, created_at, run_at, ready_at, started_at, now, slot_at, node_id, retry_of, parent_id, schedule_id, seq + 1, claim_seq,
           attempt, :final::smallint, coalesce(:reason, 'requested'), pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key,
           label, origin, actor, :actor, params, progress, coalesce(error, case when :final = 12 then :late::text end), meta, blocked_by, blocked_on
    from held where ends
)
select id, case when ending is null then state else 4 end as state, node_id from held
