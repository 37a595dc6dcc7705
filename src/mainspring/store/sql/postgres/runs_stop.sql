-- End waiting runs without another attempt (:final says how: cancelled, or timeout past the deadline); a cancel also flags running ones
-- for their node. SKIP LOCKED, because a wait here against a batch of finishes
-- would deadlock; an id that is not answered is being written right now or has finished: look again.
with clock as materialized (select {CLOCK} as now),
held as materialized (
    select run.*, clock.now from clock, mainspring.hot_runs run where id = any(:ids::uuid[]) order by id for update of run skip locked
),
gone as (
    delete from mainspring.hot_runs where id = any(array(select id from held where state <> 4))
),
flagged as (
    update mainspring.hot_runs run set cancel_requested = true, cancelled_by = :actor, seq = run.seq + 1
    from held where run.id = held.id and held.state = 4 and not held.cancel_requested and :final = 13
      and run.id = any(array(select id from held where state = 4))
),
told as (
    insert into mainspring.events (run_id, seq, at, attempt, kind, data)
    select id, seq + 1, now, attempt, 6, :data from held where state = 4 and not cancel_requested and :final = 13
),
counted as (
    insert into mainspring.stats as s (bucket, task, state, shard, n, ran_ms, waited_ms)
    select date_trunc('minute', now), task, :final::smallint, :shard, count(*), 0, 0 from held where state <> 4 group by 1, 2 order by 2
    on conflict (bucket, task, state, shard) do update set n = s.n + excluded.n
),
past as (
    insert into mainspring.history (
        id, created_at, run_at, ready_at, started_at, finished_at, slot_at, node_id, retry_of, parent_id, schedule_id, seq, claim_seq,
        attempt, state, reason, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label, origin, actor,
        cancelled_by, params, progress, error, meta)
    select id, created_at, run_at, ready_at, started_at, now, slot_at, node_id, retry_of, parent_id, schedule_id, seq + 1, claim_seq,
           attempt, :final::smallint, coalesce(:reason, 'requested'), pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key,
           label, origin, actor, :actor, params, progress, error, meta
    from held where state <> 4
)
select id, state, node_id from held
