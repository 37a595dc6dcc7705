-- Finish runs that completed: fenced by the claim, moved into history, counted, their last records kept; answers the ids accepted.
insert into mainspring.history (
    id, created_at, run_at, ready_at, started_at, finished_at, slot_at, node_id, retry_of, parent_id, schedule_id, seq, claim_seq, attempt,
    state, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label, origin, actor, params, progress, result, meta)
select run.id, created_at, run_at, ready_at, {NOW} - cast(given.value->>'ms' * 1000 as integer), {NOW}, slot_at, node_id, retry_of, parent_id,
       schedule_id, seq + coalesce(json_array_length(given.value->'records'), 0) + 1, claim_seq, attempt, 10, pool, priority, retries, max_retries, rescues,
       params_version, queue, tenant, task, run.key, label, origin, actor, params, progress, given.value->>'result', meta
from json_each(:batch) given
join mainspring.hot_runs run on run.id = given.value->>'id' and run.claim_id = given.value->>'claim';

insert into mainspring.events (run_id, seq, at, attempt, kind, data)
select run.id, run.seq + record.key + 1, {NOW} - cast(record.value->>0 * 1000 as integer), run.attempt, record.value->>1, record.value->>2
from json_each(:batch) given
join mainspring.hot_runs run on run.id = given.value->>'id' and run.claim_id = given.value->>'claim'
join json_each(given.value->'records') record
where :has_records;

insert into mainspring.attempts (run_id, number, claim_seq, end_seq, outcome, node_id, started_at, finished_at)
select run.id, attempt, claim_seq, seq + coalesce(json_array_length(given.value->'records'), 0) + 1, 10, node_id,
       {NOW} - cast(given.value->>'ms' * 1000 as integer), {NOW}
from json_each(:batch) given
join mainspring.hot_runs run on run.id = given.value->>'id' and run.claim_id = given.value->>'claim'
where run.attempt > 1;

insert into mainspring.stats (bucket, task, state, shard, n, ran_ms, waited_ms)
select {NOW} - {NOW} % 60000000, task, 10, :shard, count(*), sum(given.value->>'ms'), sum(max(started_at - ready_at, 0)) / 1000.0
from json_each(:batch) given
join mainspring.hot_runs run on run.id = given.value->>'id' and run.claim_id = given.value->>'claim'
where true group by task
on conflict (bucket, task, state, shard)
do update set n = n + excluded.n, ran_ms = ran_ms + excluded.ran_ms, waited_ms = waited_ms + excluded.waited_ms;

delete from mainspring.hot_runs
where id in (select done.id from json_each(:batch) given join mainspring.history done on done.id = given.value->>'id')
returning id
