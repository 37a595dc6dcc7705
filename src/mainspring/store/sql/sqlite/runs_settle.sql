-- Settle tries that ended in any other way than plain success: fenced by the claim. The decision is written down first, in a table of
-- this connection, because each later statement needs it and the row that it was made from changes on the way.
delete from temp.mainspring_held;

insert into temp.mainspring_held
select run.id, coalesce(value->>'until', {NOW} + cast(coalesce(value->>'delay_ms', 0) * 1000 as integer)) as due, null, null,
       value->>'state', value->>'outcome', value->>'reason', value->>'burns_retry', value->>'burns_rescue', value->>'suspicion',
       value->>'result', value->>'error', value->>'fingerprint', coalesce(value->>'ms', 0), coalesce(json_array_length(value->'records'), 0),
       value->'records', value->>'aside', value->>'home'  -- about a rollback: see RunStore._aside
from json_each(:batch) given
join mainspring.hot_runs run on run.id = given.value->>'id' and run.claim_id = given.value->>'claim';

update temp.mainspring_held as held
set next = case when held.state >= 10 then held.state
                when run.cancel_requested and coalesce(run.ending, aside->>'ending') is null then 13
                when run.deadline_at <= max({NOW}, held.due) and coalesce(run.ending, aside->>'ending') is null
                then case when run.owes_rollback or aside->>'owes' is not null then 3 else 12 end
                when held.state = 1 then 1
                when held.due > {NOW} then 2
                when coalesce(run.limit_queue, run.limit_task, run.limit_key) is not null and coalesce(run.ending, aside->>'ending') is null then 0  -- every start is let go anew
                else 3 end,
    overruled = case when held.state >= 10 or coalesce(run.ending, aside->>'ending') is not null then null when run.cancel_requested then 'requested'
                     when run.deadline_at <= max({NOW}, held.due) then 'deadline' end
from mainspring.hot_runs run where run.id = held.id;

insert into mainspring.events (run_id, seq, at, attempt, kind, data)
select run.id, run.seq + record.key + 1, {NOW} - cast(record.value->>0 * 1000 as integer), run.attempt, record.value->>1, record.value->>2
from temp.mainspring_held held join mainspring.hot_runs run on run.id = held.id join json_each(held.records) record
where held.n > 0;

insert into mainspring.attempts (
    run_id, number, claim_seq, end_seq, outcome, reason, node_id, started_at, finished_at, retry_at, fingerprint, error)
select run.id, attempt, claim_seq, seq + n + 1, outcome, held.reason, node_id, started_at, {NOW}, case when next < 10 then due end,
       fingerprint, held.error
from temp.mainspring_held held join mainspring.hot_runs run on run.id = held.id where aside->>'no_try' is null;

insert into mainspring.errors (fingerprint, shard, task, kind, type, message, n, first_at, last_at, last_run)
select fingerprint, :shard, task, coalesce(held.error->>'kind', 'system'), coalesce(held.error->>'type', '?'),
       substr(coalesce(held.error->>'message', ''), 1, 500), count(*), {NOW}, {NOW}, max(held.id)
from temp.mainspring_held held join mainspring.hot_runs run on run.id = held.id
where fingerprint is not null and outcome in (11, 12, 22) group by fingerprint
on conflict (fingerprint, shard)
do update set n = n + excluded.n, last_at = excluded.last_at, last_run = excluded.last_run, kind = excluded.kind, type = excluded.type,
              message = excluded.message;

insert into mainspring.stats (bucket, task, state, shard, n, ran_ms, waited_ms)
select {NOW} - {NOW} % 60000000, task, next, :shard, count(*), sum(ms), sum(max(coalesce(started_at - ready_at, 0), 0)) / 1000.0
from temp.mainspring_held held join mainspring.hot_runs run on run.id = held.id
where next >= 10 group by task, next
on conflict (bucket, task, state, shard)
do update set n = n + excluded.n, ran_ms = ran_ms + excluded.ran_ms, waited_ms = waited_ms + excluded.waited_ms;

insert into mainspring.history (
    id, created_at, run_at, ready_at, started_at, finished_at, slot_at, node_id, retry_of, parent_id, schedule_id, seq, claim_seq,
    attempt, state, reason, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label, origin, actor,
    cancelled_by, params, progress, result, error, meta)
select run.id, created_at, run_at, ready_at, started_at, {NOW}, slot_at, node_id, retry_of, parent_id, schedule_id, seq + n + 1, claim_seq,
       attempt - (aside->>'no_try' is not null), next,
       case when aside->'kept' is null then coalesce(overruled, held.reason) else aside->'kept'->>'reason' end, pool, priority, retries, max_retries, rescues + burns_rescue, params_version, queue, tenant,
       task, key, label, origin, actor, case when next = 13 then cancelled_by end, params,
       case when n > 0  -- the last progress may be among the last records
            then coalesce((select value->>2 from json_each(held.records) where value->>1 = 5 order by key desc limit 1), progress) else progress end,
       held.result,
       case when aside->'kept' is null then coalesce(held.error, run.error, case when overruled = 'deadline' then :late end)
            else aside->'kept'->>'error' end, meta
from temp.mainspring_held held join mainspring.hot_runs run on run.id = held.id
where next >= 10;

update mainspring.hot_runs as run
set state = held.next, claim_id = null, node_id = null, attempt_until = null, seq = run.seq + held.n + 1,
    reason = case when coalesce(aside->>'ending', run.ending) is not null or held.overruled = 'deadline' then 'rollback'
                  when held.next = 0 then 'limit' else held.reason end,
    waits_for = case held.next when 0 then coalesce(run.limit_queue, run.limit_task, run.limit_key) end,
    run_at = case when held.next = 2 then held.due else run.run_at end, ready_at = case when held.next = 3 then {NOW} end,
    retries = run.retries + held.burns_retry, rescues = run.rescues + held.burns_rescue,
    progress = case when held.n > 0 then coalesce((select value->>2 from json_each(held.records) where value->>1 = 5 order by key desc limit 1),
                                                  run.progress) else run.progress end,
    suspicion = coalesce(held.suspicion, run.suspicion),
    pool = case when coalesce(aside->>'ending', run.ending) is not null or held.overruled = 'deadline' then 6
                when held.suspicion = 3 then 5 when held.suspicion = 2 then 4 else coalesce(held.home, run.pool) end,
    error = case when aside->'kept' is null then coalesce(held.error, run.error) else run.error end,
    gate = case when held.next = 1 and aside->>'waits' is not null then 2 else 0 end,  -- else: who has begun is asked no more
    depends = case when held.next = 1 then coalesce(aside->>'waits', run.depends) else run.depends end,
    blocked_on = case held.next when 1 then aside->>'waits_on' end,
    attempt = run.attempt - (aside->>'no_try' is not null), owes_rollback = run.owes_rollback or aside->>'owes' is not null,
    deadline_at = case when aside->>'ending' is null and held.overruled is null then run.deadline_at end,
    ending = case when held.overruled = 'deadline'  -- only a run that owes a rollback comes here then
                  then json_object('state', 'timeout', 'reason', 'deadline', 'attempt', run.attempt) else coalesce(aside->>'ending', run.ending) end
from temp.mainspring_held held where held.next < 10 and run.id = held.id;

delete from mainspring.hot_runs where id in (select id from temp.mainspring_held where next >= 10);

select id, next as state from temp.mainspring_held
