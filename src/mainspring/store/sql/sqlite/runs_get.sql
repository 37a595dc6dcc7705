-- Runs by id, wherever they are.
select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, started_at, null as finished_at,
       node_id, params, null as result, error, progress, key, label, origin, actor, retry_of, cancel_requested, cancelled_by, seq, claim_seq,
            schedule_id, slot_at, blocked_by, blocked_on
from mainspring.hot_runs where id in (select value from json_each(:ids))
union all
select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, started_at, finished_at,
       node_id, params, result, error, progress, key, label, origin, actor, retry_of, 0 as cancel_requested, cancelled_by, seq, claim_seq,
            schedule_id, slot_at, blocked_by, blocked_on
from mainspring.history where id in (select value from json_each(:ids))
