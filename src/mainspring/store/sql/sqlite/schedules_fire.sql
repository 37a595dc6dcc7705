-- Account for slots: move the cursor of each schedule that is still as it was read, and in the same breath add the runs of the slots that
-- fire and the records of those that do not. Whoever comes second changes nothing and adds nothing.
-- An answer to a predicate's question is written so, too: if the question still stands.
-- Answers the ids of the schedules, and of the runs that were added.
delete from temp.mainspring_fired;

insert into temp.mainspring_fired (
    id, task, tenant, cursor, next_slot, next_at, last_slot, run, answers, asks, asked_until, drops, ends_pause, ends_skip, changes, new_task,
    code, digest, override, is_enabled, by)
select s.id, case when value->>'changes' then value->>'task' else s.task end, s.tenant, value->>'cursor', value->>'next_slot',
       value->>'next_at', value->>'last_slot', value->>'run', value->>'answers', value->>'asks', value->>'asked_until', value->>'drops',
       value->>'ends_pause', value->>'ends_skip', value->>'changes', value->>'task', value->>'code', value->>'digest', value->>'override',
       value->>'is_enabled', value->>'by'
from json_each(:batch) cross join mainspring.schedules s
on s.id = value->>'id' and (s.asked_slot = value->>'answers'
    or (value->>'answers' is null and s.cursor_at = value->>'was' and s.version = value->>'version'
        and coalesce(s.asked_slot = value->>'asked', value->>'asked' is null)));

update mainspring.schedules as s
set cursor_at = coalesce(given.cursor, s.cursor_at),
    next_slot = case when given.answers is null then given.next_slot else s.next_slot end,
    next_at = case when given.answers is null then given.next_at else s.next_at end,
    fired_at = case when given.run is null then s.fired_at else {NOW} end,
    last_slot = coalesce(given.last_slot, s.last_slot), last_run_id = coalesce(given.run, s.last_run_id),
    looked_at = case when given.asks is null then s.looked_at else {NOW} end,
    asked_slot = case when given.asks is not null then given.asks when given.drops then null else s.asked_slot end,
    asked_until = case when given.asks is not null then given.asked_until when given.drops then null else s.asked_until end,
    skip_slot = case when given.ends_skip then null else s.skip_slot end,
    paused_at = case when given.ends_pause then null else s.paused_at end,
    paused_by = case when given.ends_pause then null else s.paused_by end,
    pause_reason = case when given.ends_pause then null else s.pause_reason end,
    paused_until = case when given.ends_pause then null else s.paused_until end,
    resumed_at = case when given.ends_pause then null else s.resumed_at end,
    task = case when given.changes then given.new_task else s.task end,
    code = case when given.changes then given.code else s.code end,
    code_digest = case when given.changes then given.digest else s.code_digest end,
    override = case when given.changes then given.override else s.override end,
    is_enabled = case when given.changes then given.is_enabled else s.is_enabled end,
    version = s.version + coalesce(given.changes, 0),
    changed_at = case when given.changes then {NOW} else s.changed_at end,
    changed_by = case when given.changes then given.by else s.changed_by end
from temp.mainspring_fired given
where s.id = given.id;

delete from temp.mainspring_shapes;

insert into temp.mainspring_shapes
select value->>'shape', value->>'task', value->>'params', value->>'queue', value->>'tenant', value->>'pool', value->>'priority',
       value->>'timeout_ms', value->>'deadline_ms', value->>'max_retries', value->>'max_rescues', value->>'is_repeatable',
       value->>'label', value->>'origin', value->>'actor', value->>'params_version', value->>'meta', value->>'limit_queue',
       value->>'limit_task', value->>'limit_key', value->>'gate', value->>'overlap', value->>'overlap_most', value->>'overlap_key',
       value->>'depends'
from json_each(:shapes);

insert into mainspring.hot_runs (
    id, created_at, run_at, ready_at, deadline_at, slot_at, schedule_id, timeout_ms, state, pool, priority, max_retries, max_rescues,
    params_version, is_repeatable, queue, tenant, task, label, origin, actor, params, meta, limit_queue, limit_task, limit_key, waits_for, reason,
    gate, overlap, overlap_most, overlap_key, depends)
select id, {NOW}, due, case when due > {NOW} or gate <> 0 or coalesce(limit_queue, limit_task, limit_key) is not null then null else {NOW} end,
       {NOW} + cast(deadline_ms * 1000 as integer), slot_at, schedule, timeout_ms,
       case when due > {NOW} or gate <> 0 then 2 when coalesce(limit_queue, limit_task, limit_key) is not null then 0 else 3 end, pool, priority,
       max_retries, max_rescues, params_version, is_repeatable, queue, tenant, task, label, origin, actor, params, meta, limit_queue,
       limit_task, limit_key, case when due <= {NOW} and gate = 0 then coalesce(limit_queue, limit_task, limit_key) end,
       case when due <= {NOW} and gate = 0 and coalesce(limit_queue, limit_task, limit_key) is not null then 'limit' end,
       gate, overlap, overlap_most, overlap_key, depends
from (select value->>0 as schedule, value->>1 as slot_at, value->>2 as id, coalesce(value->>3, {NOW}) as due, shape.*
      from json_each(:runs) join temp.mainspring_shapes shape on shape.shape = value->>4)
where schedule in (select id from temp.mainspring_fired)
on conflict do nothing;

delete from temp.mainspring_silent;

insert into temp.mainspring_silent (id, task, tenant, schedule, slot_at, reason, params, meta, pool, priority, queue)
select value->>'id', won.task, won.tenant, won.id, value->>'slot_at', value->>'reason', value->>'params', value->>'meta', 0, 2, 'default'
from json_each(:records) join temp.mainspring_fired won on won.id = value->>'schedule'
union all
select value->>2, shape.task, shape.tenant, won.id, value->>1, 'duplicate', shape.params, shape.meta, shape.pool, shape.priority, shape.queue
from json_each(:runs) join temp.mainspring_fired won on won.id = value->>0 join temp.mainspring_shapes shape on shape.shape = value->>4
where value->>2 not in (select id from mainspring.hot_runs);

insert into mainspring.history (
    id, created_at, run_at, finished_at, slot_at, schedule_id, seq, attempt, state, reason, pool, priority, retries, max_retries, rescues,
    params_version, queue, tenant, task, origin, params, meta)
select id, {NOW}, slot_at, {NOW}, slot_at, schedule, 2, 0, 14, reason, pool, priority, 0, 0, 0, 1, queue, tenant, task, :origin, params, meta
from temp.mainspring_silent;

insert into mainspring.stats (bucket, task, state, shard, n, ran_ms, waited_ms)
select {NOW} - {NOW} % 60000000, task, 14, :shard, count(*), 0, 0 from temp.mainspring_silent where true group by task
on conflict (bucket, task, state, shard) do update set n = n + excluded.n;

select 'schedule', cast(id as text) from temp.mainspring_fired
union all
select 'run', value->>2 from json_each(:runs)
where value->>0 in (select id from temp.mainspring_fired) and value->>2 in (select id from mainspring.hot_runs)
