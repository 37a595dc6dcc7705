-- Write down what a node's code says about its tasks; what stands there already is left alone.
insert into mainspring.definitions as held (
    task, queue, pool, priority, timeout_ms, deadline_ms, max_retries, max_rescues, is_repeatable, is_enabled, params_version, limit_task,
    limit_key, dedupe_key, dedupe_policy, overlap, overlap_most, overlap_key, depends, registered_at)
select value->>'task', value->>'queue', value->>'pool', value->>'priority', value->>'timeout_ms', value->>'deadline_ms', value->>'max_retries',
       value->>'max_rescues', value->>'is_repeatable', value->>'is_enabled', value->>'params_version', value->>'limit_task',
       value->>'limit_key', value->>'dedupe_key', value->>'dedupe_policy', value->>'overlap', value->>'overlap_most',
       value->>'overlap_key', value->>'depends', {CLOCK}
from json_each(:batch)
where true
on conflict (task) do update
set queue = excluded.queue, pool = excluded.pool, priority = excluded.priority, timeout_ms = excluded.timeout_ms,
    deadline_ms = excluded.deadline_ms, max_retries = excluded.max_retries, max_rescues = excluded.max_rescues,
    is_repeatable = excluded.is_repeatable, is_enabled = excluded.is_enabled, params_version = excluded.params_version,
    limit_task = excluded.limit_task, limit_key = excluded.limit_key, dedupe_key = excluded.dedupe_key,
    dedupe_policy = excluded.dedupe_policy, overlap = excluded.overlap, overlap_most = excluded.overlap_most,
    overlap_key = excluded.overlap_key, depends = excluded.depends, registered_at = excluded.registered_at
where (held.queue, held.pool, held.priority, held.timeout_ms, held.deadline_ms, held.max_retries, held.max_rescues, held.is_repeatable,
       held.is_enabled, held.params_version, held.limit_task, held.limit_key, held.dedupe_key, held.dedupe_policy, held.overlap,
       held.overlap_most, held.overlap_key, held.depends)
      is not
      (excluded.queue, excluded.pool, excluded.priority, excluded.timeout_ms, excluded.deadline_ms, excluded.max_retries,
       excluded.max_rescues, excluded.is_repeatable, excluded.is_enabled, excluded.params_version, excluded.limit_task, excluded.limit_key,
       excluded.dedupe_key, excluded.dedupe_policy, excluded.overlap, excluded.overlap_most, excluded.overlap_key, excluded.depends)
returning task
