-- Add one run without a key: the plain insert, for the caller who waits for each.
insert into mainspring.hot_runs (
    id, created_at, run_at, ready_at, deadline_at, timeout_ms, state, pool, priority, max_retries, max_rescues,
    params_version, is_repeatable, queue, tenant, task, label, origin, actor, params, meta)
select :id, {NOW}, due, case when due > {NOW} then null else {NOW} end, {NOW} + cast(:deadline_ms * 1000 as integer), :timeout_ms,
       case when due > {NOW} then 2 else 3 end, :pool, :priority, :max_retries, :max_rescues,
       :params_version, :is_repeatable, :queue, :tenant, :task, :label, :origin, :actor, :params, :meta
from (select coalesce(:run_at, {NOW} + cast(:delay_ms * 1000 as integer)) as due)
