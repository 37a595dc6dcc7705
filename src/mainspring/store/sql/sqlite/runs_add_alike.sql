-- Add many runs without keys that differ in nothing but id and parameters. Answers nothing: a fresh id cannot be taken.
insert into mainspring.hot_runs (
    id, created_at, run_at, ready_at, deadline_at, timeout_ms, state, pool, priority, max_retries, max_rescues,
    params_version, is_repeatable, queue, tenant, task, label, origin, actor, params, meta)
select value->>0, {NOW}, due, case when due > {NOW} then null else {NOW} end, {NOW} + cast(:deadline_ms * 1000 as integer), :timeout_ms,
       case when due > {NOW} then 2 else 3 end, :pool, :priority, :max_retries, :max_rescues,
       :params_version, :is_repeatable, :queue, :tenant, :task, :label, :origin, :actor, value->>1, :meta
from (select coalesce(:run_at, {NOW} + cast(:delay_ms * 1000 as integer)) as due)
cross join json_each(:rows)
