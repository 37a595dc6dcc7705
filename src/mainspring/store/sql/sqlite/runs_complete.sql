-- Finish runs that completed: fenced by the claim, moved into history, counted, their last records kept; answers the ids accepted.
-- What is accepted is written down first, by row number: the batch is parsed once, and each id is looked up once.
delete from temp.mainspring_done;

insert or ignore into temp.mainspring_done
select run.rowid, run.attempt, run.task, max(started_at - ready_at, 0), value->>2, value->>3, coalesce(json_array_length(value, '$[4]'), 0),
       value->4
from json_each(:batch) join mainspring.hot_runs run on run.id = value->>0 and run.claim_id = value->>1;

insert into mainspring.history (
    id, created_at, run_at, ready_at, started_at, finished_at, slot_at, node_id, retry_of, parent_id, schedule_id, seq, claim_seq, attempt,
    state, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label, origin, actor, params, progress, result, meta)
select id, created_at, run_at, ready_at, {NOW} - cast(ms * 1000 as integer), {NOW}, slot_at, node_id, retry_of, parent_id, schedule_id,
       seq + n + 1, claim_seq, run.attempt, 10, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, run.task, key,
       label, origin, actor, params,
       case when n > 0  -- the last progress may be among the last records
            then coalesce((select value->>2 from json_each(done.records) where value->>1 = 5 order by key desc limit 1), progress) else progress end,
       done.result, meta
from temp.mainspring_done done join mainspring.hot_runs run on run.rowid = done.row;

insert into mainspring.events (run_id, seq, at, attempt, kind, data)
select run.id, run.seq + record.key + 1, {NOW} - cast(record.value->>0 * 1000 as integer), run.attempt, record.value->>1, record.value->>2
from temp.mainspring_done done join mainspring.hot_runs run on run.rowid = done.row join json_each(done.records) record
where :has_records and done.n > 0;  -- a run that said nothing carries the JSON null, which json_each takes for one row

insert into mainspring.attempts (run_id, number, claim_seq, end_seq, outcome, node_id, started_at, finished_at)
select run.id, run.attempt, claim_seq, seq + n + 1, 10, node_id, {NOW} - cast(ms * 1000 as integer), {NOW}
from temp.mainspring_done done join mainspring.hot_runs run on run.rowid = done.row
where done.attempt > 1;

insert into mainspring.stats (bucket, task, state, shard, n, ran_ms, waited_ms)
select {NOW} - {NOW} % 60000000, task, 10, :shard, count(*), sum(ms), sum(waited) / 1000.0
from temp.mainspring_done
where true group by task
on conflict (bucket, task, state, shard)
do update set n = n + excluded.n, ran_ms = ran_ms + excluded.ran_ms, waited_ms = waited_ms + excluded.waited_ms;

delete from mainspring.hot_runs where rowid in (select row from temp.mainspring_done)
returning id
