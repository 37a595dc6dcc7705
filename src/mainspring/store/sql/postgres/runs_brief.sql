-- Runs by id as lists show them: without parameters and result, and of an error only what fits into a line. See runs_get for the bounds.
select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, created_at, run_at, ready_at, started_at, null::timestamptz as finished_at, node_id, progress, key, label, origin, actor, retry_of, cancel_requested, cancelled_by, seq, schedule_id, slot_at, blocked_by, blocked_on,
       error::json ->> 'type' as error_type, left(error::json ->> 'message', 300) as error_message
from mainspring.hot_runs where {ANY id :ids uuid}
union all
select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, created_at, run_at, ready_at, started_at, finished_at, node_id, progress, key, label, origin, actor, retry_of, false, cancelled_by, seq, schedule_id, slot_at, blocked_by, blocked_on,
       error::json ->> 'type', left(error::json ->> 'message', 300)
from mainspring.history where {ANY id :ids uuid} and id between :lowest::uuid and :highest::uuid
