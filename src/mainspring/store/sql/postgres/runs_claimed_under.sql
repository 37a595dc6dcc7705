-- What a claim took, for a node that did not hear the answer.
select id, task, params, attempt, retries, max_retries, rescues, max_rescues, timeout_ms, is_repeatable, suspicion,
       queue, tenant, pool, priority, ready_at, params_version,
       case when coalesce(limit_queue, limit_task, limit_key) is not null then json_build_array(limit_queue, limit_task, limit_key)::text end as limits
from mainspring.hot_runs where state = 4 and node_id = :node and claim_id = :claim
