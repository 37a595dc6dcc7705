-- End waiting runs without another attempt (:final says how: cancelled, or timeout past the deadline); a cancel also flags running ones
-- for their node.
delete from temp.held;

insert into temp.held (id, state) select id, state from mainspring.hot_runs where id in (select value from json_each(:ids));

insert into mainspring.events (run_id, seq, at, attempt, kind, data)
select run.id, seq + 1, {NOW}, attempt, 6, :data
from temp.held join mainspring.hot_runs run on run.id = held.id where run.state = 4 and not cancel_requested and :final = 13;

insert into mainspring.stats (bucket, task, state, shard, n, ran_ms, waited_ms)
select {NOW} - {NOW} % 60000000, task, :final, :shard, count(*), 0, 0
from temp.held join mainspring.hot_runs run on run.id = held.id where run.state <> 4 group by task
on conflict (bucket, task, state, shard) do update set n = n + excluded.n;

insert into mainspring.history (
    id, created_at, run_at, ready_at, started_at, finished_at, slot_at, node_id, retry_of, parent_id, schedule_id, seq, claim_seq,
    attempt, state, reason, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label, origin, actor,
    cancelled_by, params, progress, error, meta)
select run.id, created_at, run_at, ready_at, started_at, {NOW}, slot_at, node_id, retry_of, parent_id, schedule_id, seq + 1, claim_seq,
       attempt, :final, coalesce(:reason, 'requested'), pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key,
       label, origin, actor, :actor, params, progress, run.error, meta
from temp.held join mainspring.hot_runs run on run.id = held.id where run.state <> 4;

update mainspring.hot_runs set cancel_requested = 1, cancelled_by = :actor, seq = seq + 1
where state = 4 and not cancel_requested and :final = 13 and id in (select id from temp.held);

delete from mainspring.hot_runs where state <> 4 and id in (select id from temp.held);

select held.id, held.state, run.node_id from temp.held left join mainspring.hot_runs run on run.id = held.id
