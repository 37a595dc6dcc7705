-- Settle tries that ended in any other way than plain success: fenced by the claim, decided on the locked row (a cancel that commits
-- between snapshot and lock must not strand the run). A rescuer, who is not the owner, takes only what nobody is writing now: its waiting
-- against an owner's batch would deadlock. Answers (id, state) of what was accepted.
with clock as materialized (select {CLOCK} as now),
given as materialized (
    select * from json_to_recordset(:batch) as r(
        id uuid, claim uuid, state smallint, outcome smallint, reason text, delay_ms float8, until timestamptz, burns_retry boolean,
        burns_rescue boolean, suspicion smallint, home smallint, result text, error text, fingerprint text, ms float8, records json,
        aside json)  -- about a rollback or a wait: see RunStore._aside
),
free as materialized (
    select id from mainspring.hot_runs where not :is_owner and id = any(array(select id from given)) order by id for update skip locked
),
held as materialized (
    select run.*, now, given.outcome, given.reason as why, given.suspicion as mark, given.home, given.result, given.error as failure, given.fingerprint,
           given.burns_retry, given.burns_rescue, given.ms, given.records, given.aside, coalesce(json_array_length(given.records), 0) as n,
           coalesce(given.until, now + coalesce(given.delay_ms, 0) * interval '1 millisecond') as due,
           case when given.state >= 10 then given.state
                when run.cancel_requested and coalesce(run.ending, given.aside->>'ending') is null then 13
                when run.deadline_at <= greatest(now, coalesce(given.until, now + coalesce(given.delay_ms, 0) * interval '1 millisecond')) and coalesce(run.ending, given.aside->>'ending') is null
                then case when run.owes_rollback or given.aside->>'owes' is not null then 3 else 12 end
                when given.state = 1 then 1
                when coalesce(given.until, now + coalesce(given.delay_ms, 0) * interval '1 millisecond') > now then 2
                when coalesce(run.limit_queue, run.limit_task, run.limit_key) is not null and coalesce(run.ending, given.aside->>'ending') is null then 0  -- every start is let go anew
                else 3 end::smallint as next,
           case when given.state >= 10 or coalesce(run.ending, given.aside->>'ending') is not null then null when run.cancel_requested then 'requested'
                when run.deadline_at <= greatest(now, coalesce(given.until, now + coalesce(given.delay_ms, 0) * interval '1 millisecond')) then 'deadline'
           end as overruled
    from clock, mainspring.hot_runs run join given on run.id = given.id and run.claim_id = given.claim
    where run.id = any(array(select id from given)) and (:is_owner or run.id = any(array(select id from free)))
    order by run.id for update of run
),
gone as (
    delete from mainspring.hot_runs where id = any(array(select id from held where next >= 10))
),
again as (
    update mainspring.hot_runs run
    set state = held.next, claim_id = null, node_id = null, attempt_until = null, seq = held.seq + held.n + 1,
        reason = case when coalesce(held.aside->>'ending', held.ending) is not null or held.overruled = 'deadline' then 'rollback'
                      when held.next = 0 then 'limit' else held.why end,
        waits_for = case held.next when 0 then coalesce(run.limit_queue, run.limit_task, run.limit_key) end,
        run_at = case when held.next = 2 then held.due else run.run_at end, ready_at = case when held.next = 3 then held.now end,
        retries = run.retries + held.burns_retry::int, rescues = run.rescues + held.burns_rescue::int,
        progress = case when held.n > 0 then coalesce((select r.value->>2 from json_array_elements(held.records) with ordinality as r(value, ord)
                                                       where r.value->>1 = '5' order by r.ord desc limit 1), run.progress) else run.progress end,
        suspicion = coalesce(held.mark, run.suspicion),
        pool = case when coalesce(held.aside->>'ending', held.ending) is not null or held.overruled = 'deadline' then 6
                    when held.mark = 3 then 5 when held.mark = 2 then 4 else coalesce(held.home, run.pool) end,
        error = case when held.aside->'kept' is null then coalesce(held.failure, run.error) else run.error end,
        gate = case when held.next = 1 and held.aside->>'waits' is not null then 2 else 0 end,  -- else: who has begun is asked no more
        depends = case when held.next = 1 then coalesce(held.aside->>'waits', run.depends) else run.depends end,
        blocked_on = case held.next when 1 then held.aside->>'waits_on' end,
        attempt = run.attempt - (held.aside->>'no_try' is not null)::int, owes_rollback = run.owes_rollback or held.aside->>'owes' is not null,
        deadline_at = case when held.aside->>'ending' is null and held.overruled is null then run.deadline_at end,
        ending = case when held.overruled = 'deadline'  -- only a run that owes a rollback comes here then
                      then json_build_object('state', 'timeout', 'reason', 'deadline', 'attempt', held.attempt)::text
                      else coalesce(held.aside->>'ending', held.ending) end
    from held where held.next < 10 and run.id = held.id
      and run.id = any(array(select id from held where next < 10))
),
kept as (
    insert into mainspring.events (run_id, seq, at, attempt, kind, data)
    select held.id, held.seq + record.ord, held.now - (record.value->>0)::float8 * interval '1 millisecond', held.attempt,
           (record.value->>1)::smallint, record.value->>2
    from held cross join lateral json_array_elements(held.records) with ordinality as record(value, ord)
    where held.n > 0
),
tried as (
    insert into mainspring.attempts (
        run_id, number, claim_seq, end_seq, outcome, reason, node_id, started_at, finished_at, retry_at, fingerprint, error)
    select id, attempt, claim_seq, seq + n + 1, outcome, why, node_id, started_at, now, case when next < 10 then due end, fingerprint, failure
    from held where aside->>'no_try' is null
),
erred as (  -- errors that are alike, in one order, or two writers of one shard wait for each other
    insert into mainspring.errors as e (fingerprint, shard, task, kind, type, message, n, first_at, last_at, last_run)
    select fingerprint, :shard, task, coalesce(latest->>'kind', 'system'), coalesce(latest->>'type', '?'), substr(coalesce(latest->>'message', ''), 1, 500),
           n, now, now, last_run
    from (select fingerprint, min(task) as task, (array_agg(failure order by id desc))[1]::json as latest, count(*) as n, max(now) as now,
                 (array_agg(id order by id desc))[1] as last_run
          from held where fingerprint is not null and outcome in (11, 12, 22) group by fingerprint) as alike
    order by fingerprint
    on conflict (fingerprint, shard)
    do update set n = e.n + excluded.n, last_at = excluded.last_at, last_run = excluded.last_run, kind = excluded.kind, type = excluded.type,
                  message = excluded.message
),
counted as (
    insert into mainspring.stats as s (bucket, task, state, shard, n, ran_ms, waited_ms)
    select date_trunc('minute', now), task, next, :shard, count(*), sum(coalesce(ms, 0)),
           sum(greatest(coalesce(extract(epoch from started_at - ready_at) * 1000, 0), 0))
    from held where next >= 10 group by 1, 2, 3 order by 2, 3
    on conflict (bucket, task, state, shard)
    do update set n = s.n + excluded.n, ran_ms = s.ran_ms + excluded.ran_ms, waited_ms = s.waited_ms + excluded.waited_ms
),
past as (
    insert into mainspring.history (
        id, created_at, run_at, ready_at, started_at, finished_at, slot_at, node_id, retry_of, parent_id, schedule_id, seq, claim_seq,
        attempt, state, reason, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label, origin, actor,
        cancelled_by, params, progress, result, error, meta)
    select id, created_at, run_at, ready_at, started_at, now, slot_at, node_id, retry_of, parent_id, schedule_id, seq + n + 1, claim_seq,
           attempt - (aside->>'no_try' is not null)::int, next,
           case when aside->'kept' is null then coalesce(overruled, why) else aside->'kept'->>'reason' end, pool, priority, retries, max_retries, rescues + burns_rescue::int, params_version, queue, tenant,
           task, key, label, origin, actor, case when next = 13 then cancelled_by end, params,
           case when n > 0  -- the last progress may be among the last records
                then coalesce((select r.value->>2 from json_array_elements(held.records) with ordinality as r(value, ord)
                               where r.value->>1 = '5' order by r.ord desc limit 1), progress) else progress end,
           result,
           case when aside->'kept' is null then coalesce(failure, error, case when overruled = 'deadline' then :late::text end)
                else aside->'kept'->>'error' end, meta
    from held where next >= 10
)
select id, next as state from held
