-- Runs by id, wherever they are. The bounds let the planner leave out partitions, which it cannot do with a list.
select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, started_at, null::timestamptz as finished_at,
       node_id, params, null as result, error, progress, key, label, origin, actor, retry_of, cancel_requested, cancelled_by, seq, claim_seq,
            schedule_id, slot_at, blocked_by, blocked_on
from mainspring.hot_runs where id = any(:ids::uuid[])
union all
select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, started_at, finished_at,
       node_id, params, result, error, progress, key, label, origin, actor, retry_of, false as cancel_requested, cancelled_by, seq, claim_seq,
            schedule_id, slot_at, blocked_by, blocked_on
from mainspring.history where id = any(:ids::uuid[]) and id between :lowest::uuid and :highest::uuid
