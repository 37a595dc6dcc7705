-- Ask the overlap policies of some keys about the runs that are due: who goes, who waits, who is skipped, and who is to be cancelled. Two
-- statements in one transaction: the first locks the keys, the second looks on a snapshot that is younger than the locks, so that it sees
-- every run that another gatekeeper has let go. Nobody else makes a run of a key active; that one ends meanwhile does no harm, it was there
-- a moment ago. What another gatekeeper holds is left to it: the answer says so. (gate + 0: as a plain condition it would let the planner
-- walk all gated runs for those of a key.)
select set_config('mainspring.held', coalesce(json_agg(key)::text, '[]'), true)
from unnest(:keys::text[]) as wanted(key) where pg_try_advisory_xact_lock(hashtextextended(key, 7010));

with clock as materialized (select {CLOCK} as now),
held as materialized (select json_array_elements_text(current_setting('mainspring.held')::json) as key),
said as materialized (  -- by an operator, or by the code that has enqueued last
    select held.key, coalesce(choice.policy, newest.overlap, 4) as policy,
           case when choice.policy is null then newest.overlap_most else choice.most end as most, choice.policy is null as is_code
    from held
    cross join lateral (
        select task, overlap, overlap_most from mainspring.hot_runs
        where overlap_key = held.key and gate + 0 = 1 and state in (1, 2) and claim_seq is null order by id desc limit 1) newest
    left join mainspring.task_overlaps choice on choice.task = newest.task
),
active as materialized (
    select said.key, run.id, run.created_at, run.can_stop
    from said cross join lateral (
        select id, created_at, not cancel_requested and ending is null as can_stop from mainspring.hot_runs
        where overlap_key = said.key and not (gate = 1 and state in (1, 2) and claim_seq is null)
        limit :n) run  -- more than any policy lets go; with a limit, so that it is a look for each key on tables of every size
),
busy as materialized (select key, count(*) as n, (array_agg(id order by created_at, id))[1] as first from active group by key),
waiting as materialized (  -- those that wait already come first, as they came; with replace the newest counts
    select said.key, said.policy, said.most, run.*
    from said cross join lateral (
        select id, state, run_at, overlap = 2 as queues,  -- one that was to wait goes on waiting beside those that are to be skipped
               case when overlap = 2 and said.is_code then coalesce(overlap_most, 1) end as patience
        from mainspring.hot_runs
        where overlap_key = said.key and gate + 0 = 1 and claim_seq is null and (state = 1 or state = 2 and run_at <= {NOW})
        order by case when said.policy = 3 then 0 else state end, extract(epoch from run_at) * case when said.policy = 3 then -1 else 1 end, id
        limit :n for update skip locked) run
),
placed as materialized (
    select waiting.*, coalesce(busy.n, 0) as active, row_number() over (partition by waiting.key order by state, run_at, waiting.id) as place,
           row_number() over (partition by waiting.key order by run_at desc, waiting.id desc) as from_the_end,
           sum(queues::int) over (partition by waiting.key order by state, run_at, waiting.id) as queued,
           first_value(queues) over (partition by waiting.key order by state, run_at, waiting.id) as first_queues,
           coalesce(busy.first, first_value(waiting.id) over (partition by waiting.key order by state, run_at, waiting.id)) as first,
           first_value(waiting.id) over (partition by waiting.key order by run_at desc, waiting.id desc) as last
    from waiting left join busy on busy.key = waiting.key
),
decided as materialized (
    select id, key, state, case when verdict = 'replaced' then last when verdict = 'pass' then null else first end as way, verdict
    from placed cross join lateral (
        select case policy
               when 1 then case when active + place = 1 then 'pass'
                                when queued - (active = 0 and coalesce(first_queues, false))::int <= patience then 'wait'
                                else 'previous_instance_running' end
               when 2 then case when active + place = 1 then 'pass' when place - (active = 0)::int <= coalesce(most, 1) then 'wait'
                                else 'overlap_queue_full' end
               when 3 then case when from_the_end > 1 then 'replaced' when active = 0 then 'pass' else 'wait' end
               else case when most is null or active + place <= most then 'pass' else 'previous_instance_running' end end as verdict) judged
),
passed as (
    update mainspring.hot_runs run
    set gate = case when depends is null then 0 else 2 end,
        state = case when depends is not null then 2 when coalesce(limit_queue, limit_task, limit_key) is null then 3 else 0 end,
        ready_at = case when depends is null and coalesce(limit_queue, limit_task, limit_key) is null then clock.now end,
        waits_for = case when depends is null then coalesce(limit_queue, limit_task, limit_key) end,
        reason = case when depends is null and coalesce(limit_queue, limit_task, limit_key) is not null then 'limit' end,
        blocked_by = null, seq = run.seq + (decided.state = 1)::int
    from clock, decided
    where decided.verdict = 'pass' and run.id = decided.id and run.id = any(array(select id from decided where verdict = 'pass'))
    returning run.id, run.queue, run.tenant, run.pool, run.priority, run.waits_for, run.gate, run.seq, run.attempt, decided.state as was
),
blocked as (
    update mainspring.hot_runs run
    set state = 1, reason = 'overlap', blocked_by = decided.way, seq = run.seq + (decided.state = 2)::int
    from decided
    where decided.verdict = 'wait' and run.id = decided.id and run.id = any(array(select id from decided where verdict = 'wait'))
      and (decided.state = 2 or run.blocked_by is distinct from decided.way)
    returning run.id, run.seq, run.attempt, run.blocked_by, decided.state as was
),
told as (
    insert into mainspring.events (run_id, seq, at, attempt, kind, data)
    select id, seq, now, attempt, 9, null from passed, clock where was = 1
    union all
    select id, seq, now, attempt, 8, json_build_object('reason', 'overlap', 'by', blocked_by)::text from blocked, clock where was = 2
),
gone as (
    delete from mainspring.hot_runs run using decided
    where decided.verdict not in ('pass', 'wait') and run.id = decided.id
      and run.id = any(array(select id from decided where verdict not in ('pass', 'wait')))
    returning run.*, decided.verdict, decided.way
),
counted as (
    insert into mainspring.stats as s (bucket, task, state, shard, n, ran_ms, waited_ms)
    select date_trunc('minute', now), task, 14, :shard, count(*), 0, 0 from gone, clock group by 1, 2 order by 2
    on conflict (bucket, task, state, shard) do update set n = s.n + excluded.n
),
past as (
    insert into mainspring.history (
        id, created_at, run_at, ready_at, started_at, finished_at, slot_at, node_id, retry_of, parent_id, schedule_id, seq, claim_seq,
        attempt, state, reason, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label, origin, actor,
        params, progress, error, meta, blocked_by)
    select id, created_at, run_at, ready_at, started_at, now, slot_at, node_id, retry_of, parent_id, schedule_id, seq + 1, claim_seq,
           attempt, 14, verdict, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label, origin, actor,
           params, progress, error, meta, way
    from gone, clock
)
select case when gate > 0 then 'asks' else 'passed' end as kind, id::text as name, queue, tenant, pool, priority, waits_for from passed
union all
select 'blocked', id::text, '', '', 0, 0, null from blocked
union all
select 'skipped', id::text, '', '', 0, 0, null from gone
union all
select 'cancel', id::text, '', '', 0, 0, null from active
where can_stop and key in (select key from waiting where policy = 3)
union all
select 'more', key, '', '', 0, 0, null from waiting group by key having count(*) >= :n
union all
select 'busy', key, '', '', 0, 0, null from unnest(:keys::text[]) as wanted(key) where key not in (select key from held)
