-- End waiting runs without another attempt (:final says how: cancelled, or timeout past the deadline); a cancel also flags running ones
-- for their node. A rollback is stopped by nobody: its run has failed already.
delete from temp.mainspring_held;

insert into temp.mainspring_held (id, state, next)  -- next: 1 ends here, 2 has a rollback to do first, 0 goes on
select id, case when ending is null then state else 4 end,
       case when state = 4 or ending is not null then 0 when :final = 12 and owes_rollback then 2 else 1 end
from mainspring.hot_runs where id in (select value from json_each(:ids));

insert into mainspring.events (run_id, seq, at, attempt, kind, data)
select run.id, seq + 1, {NOW}, attempt, 6, :data
from temp.mainspring_held held join mainspring.hot_runs run on run.id = held.id where run.state = 4 and ending is null and not cancel_requested and :final = 13;

insert into mainspring.stats (bucket, task, state, shard, n, ran_ms, waited_ms)
select {NOW} - {NOW} % 60000000, task, :final, :shard, count(*), 0, 0
from temp.mainspring_held held join mainspring.hot_runs run on run.id = held.id where held.next = 1 group by task
on conflict (bucket, task, state, shard) do update set n = n + excluded.n;

insert into mainspring.history (
    id, created_at, run_at, ready_at, started_at, finished_at, slot_at, node_id, retry_of, parent_id, schedule_id, seq, claim_seq,
    attempt, state, reason, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label, origin, actor,
    cancelled_by, params, progress, error, meta, blocked_by, blocked_on)
select run.id, created_at, run_at, ready_at, started_at, {NOW}, slot_at, node_id, retry_of, parent_id, schedule_id, seq + 1, claim_seq,
       attempt, :final, coalesce(:reason, 'requested'), pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key,
       label, origin, actor, :actor, params, progress, coalesce(run.error, case when :final = 12 then :late end), meta, blocked_by, blocked_on
from temp.mainspring_held held join mainspring.hot_runs run on run.id = held.id where held.next = 1;

update mainspring.hot_runs set cancel_requested = 1, cancelled_by = :actor, seq = seq + 1
where state = 4 and ending is null and not cancel_requested and :final = 13 and id in (select id from temp.mainspring_held);

update mainspring.hot_runs
set state = case when coalesce(limit_queue, limit_task, limit_key) is null then 3 else 0 end, ready_at = {NOW}, pool = 6, reason = 'rollback',
    deadline_at = null, waits_for = coalesce(limit_queue, limit_task, limit_key), error = coalesce(error, :late),
    ending = json_object('state', 'timeout', 'reason', :reason, 'attempt', attempt)
where id in (select id from temp.mainspring_held where next = 2);

delete from mainspring.hot_runs where id in (select id from temp.mainspring_held where next = 1);

select held.id, held.state, run.node_id from temp.mainspring_held held left join mainspring.hot_runs run on run.id = held.id
