-- Add many runs without keys that differ in nothing but id and parameters. Answers nothing: a fresh id cannot be taken.
insert into mainspring.hot_runs (
    id, created_at, run_at, ready_at, deadline_at, timeout_ms, state, pool, priority, max_retries, max_rescues,
    params_version, is_repeatable, queue, tenant, task, label, origin, actor, params, meta)
select given.id, now, due, case when due > now then null else now end, now + :deadline_ms::float8 * interval '1 millisecond', :timeout_ms::bigint,
       case when due > now then 2 else 3 end, :pool, :priority, :max_retries, :max_rescues,
       :params_version, :is_repeatable, :queue, :tenant, :task, :label, :origin, :actor, given.params, :meta
from (select now, coalesce(:run_at::timestamptz, now + :delay_ms::float8 * interval '1 millisecond') as due
      from (select {NOW} as now) clock) times,
     unnest(:ids::uuid[], :paramses::text[]) as given(id, params)
