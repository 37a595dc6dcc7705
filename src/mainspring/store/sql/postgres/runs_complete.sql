-- Finish runs that completed: fenced by the claim, moved into history, counted, their last records kept; answers the ids accepted.
with clock as materialized (select {CLOCK} as now),
given as materialized (
    select * from json_to_recordset(:batch) as r(id uuid, claim uuid, ms float8, result text, records json)
),
gone as (
    delete from mainspring.hot_runs run using given
    where run.id = any(array(select id from given)) and run.id = given.id and run.claim_id = given.claim
    returning run.*, given.ms, given.result, given.records, coalesce(json_array_length(given.records), 0) as n
),
kept as (
    insert into mainspring.events (run_id, seq, at, attempt, kind, data)
    select gone.id, gone.seq + record.ord, clock.now - (record.value->>0)::float8 * interval '1 millisecond', gone.attempt,
           (record.value->>1)::smallint, record.value->>2
    from clock, gone cross join lateral json_array_elements(gone.records) with ordinality as record(value, ord)
    where gone.n > 0
),
tried as (
    insert into mainspring.attempts (run_id, number, claim_seq, end_seq, outcome, node_id, started_at, finished_at)
    select id, attempt, claim_seq, seq + n + 1, 10, node_id, now - ms * interval '1 millisecond', now
    from gone, clock where attempt > 1
),
counted as (
    insert into mainspring.stats as s (bucket, task, state, shard, n, ran_ms, waited_ms)
    select date_trunc('minute', now), task, 10, :shard, count(*), sum(ms), sum(greatest(extract(epoch from started_at - ready_at) * 1000, 0))
    from gone, clock group by 1, 2 order by 2  -- one order, or two writers of one shard wait for each other
    on conflict (bucket, task, state, shard)
    do update set n = s.n + excluded.n, ran_ms = s.ran_ms + excluded.ran_ms, waited_ms = s.waited_ms + excluded.waited_ms
)
insert into mainspring.history (
    id, created_at, run_at, ready_at, started_at, finished_at, slot_at, node_id, retry_of, parent_id, schedule_id, seq, claim_seq, attempt,
    state, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label, origin, actor, params, progress, result, meta)
select id, created_at, run_at, ready_at, now - ms * interval '1 millisecond', now, slot_at, node_id, retry_of, parent_id, schedule_id,
       seq + n + 1, claim_seq, attempt, 10, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label,
       origin, actor, params,
       case when n > 0  -- the last progress may be among the last records
            then coalesce((select r.value->>2 from json_array_elements(gone.records) with ordinality as r(value, ord)
                           where r.value->>1 = '5' order by r.ord desc limit 1), progress) else progress end,
       result, meta
from gone, clock
returning id
