-- Add runs of a schedule that somebody has asked for, those with a slot only where it has no run.
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
       {NOW} + cast(deadline_ms * 1000 as integer), slot_at, :id, timeout_ms,
       case when due > {NOW} or gate <> 0 then 2 when coalesce(limit_queue, limit_task, limit_key) is not null then 0 else 3 end, pool, priority,
       max_retries, max_rescues, params_version, is_repeatable, queue, tenant, task, label, origin, actor, params, meta, limit_queue,
       limit_task, limit_key, case when due <= {NOW} and gate = 0 then coalesce(limit_queue, limit_task, limit_key) end,
       case when due <= {NOW} and gate = 0 and coalesce(limit_queue, limit_task, limit_key) is not null then 'limit' end,
       gate, overlap, overlap_most, overlap_key, depends
from (select value->>0 as schedule, value->>1 as slot_at, value->>2 as id, coalesce(value->>3, {NOW}) as due, shape.*
      from json_each(:runs) join temp.mainspring_shapes shape on shape.shape = value->>4) given
where given.slot_at is null or not exists (
    select 1 from mainspring.history h where h.schedule_id = :id and h.slot_at = given.slot_at and h.state <> 14)
on conflict do nothing;

update mainspring.schedules
set last_run_id = (select max(value->>2) from json_each(:runs) where value->>2 in (select id from mainspring.hot_runs)), fired_at = {NOW}
where id = :id and exists (select 1 from json_each(:runs) where value->>2 in (select id from mainspring.hot_runs));

select value->>2 from json_each(:runs) where value->>2 in (select id from mainspring.hot_runs)
