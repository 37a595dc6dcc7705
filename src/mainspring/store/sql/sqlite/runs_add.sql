-- Add a batch; answers (ord, id, is_new). A run whose key or id is taken is not added: the answer is the id that won. What was there before
-- is written down first, because afterwards an id alone cannot tell.
delete from temp.mainspring_held;

insert into temp.mainspring_held (id)
select value->>'id' from json_each(:batch)
where value->>'id' in (select id from mainspring.hot_runs)
   or (:is_repeated and value->>'id' in (select id from mainspring.history));

insert into mainspring.hot_runs (
    id, created_at, run_at, ready_at, deadline_at, retry_of, timeout_ms, state, pool, priority, max_retries, max_rescues,
    params_version, is_repeatable, queue, tenant, task, key, label, origin, actor, params, meta, limit_queue, limit_task, limit_key, waits_for, reason,
    schedule_id, slot_at, gate, overlap, overlap_most, overlap_key, depends)
select id, {NOW}, due, case when due > {NOW} or gate > 0 or coalesce(limit_queue, limit_task, limit_key) is not null then null else {NOW} end, {NOW} + cast(deadline_ms * 1000 as integer), retry_of, timeout_ms,
       case when due > {NOW} or gate > 0 then 2 when coalesce(limit_queue, limit_task, limit_key) is not null then 0 else 3 end, pool, priority, max_retries, max_rescues, params_version, is_repeatable,
       queue, tenant, task, key, label, origin, actor, params, meta, limit_queue, limit_task, limit_key,
       case when due <= {NOW} and gate = 0 then coalesce(limit_queue, limit_task, limit_key) end,
       case when due <= {NOW} and gate = 0 and coalesce(limit_queue, limit_task, limit_key) is not null then 'limit' end,
       schedule_id, slot_at, gate, overlap, overlap_most, overlap_key, depends
from (select value->>'id' as id, coalesce(value->>'run_at', {NOW} + cast(value->>'delay_ms' * 1000 as integer)) as due,
             value->>'deadline_ms' as deadline_ms, value->>'retry_of' as retry_of, value->>'timeout_ms' as timeout_ms,
             value->>'pool' as pool, value->>'priority' as priority, value->>'max_retries' as max_retries, value->>'max_rescues' as max_rescues,
             value->>'params_version' as params_version, value->>'is_repeatable' as is_repeatable, value->>'queue' as queue,
             value->>'tenant' as tenant, value->>'task' as task, value->>'key' as key, value->>'label' as label,
             value->>'origin' as origin, value->>'actor' as actor, value->>'params' as params, value->>'meta' as meta, value->>'limit_queue' as limit_queue,
             value->>'limit_task' as limit_task, value->>'limit_key' as limit_key, value->>'schedule_id' as schedule_id,
             value->>'slot_at' as slot_at, value->>'gate' as gate, value->>'overlap' as overlap, value->>'overlap_most' as overlap_most,
             value->>'overlap_key' as overlap_key, value->>'depends' as depends
      from json_each(:batch))
where id not in (select id from temp.mainspring_held)
on conflict do nothing;

select given.value->>'ord' as ord, coalesce(mine.id, done.id, held.id) as id, (mine.id is not null and taken.id is null) as is_new
from json_each(:batch) given
left join temp.mainspring_held taken on taken.id = given.value->>'id'
left join mainspring.hot_runs mine on mine.id = given.value->>'id'
left join mainspring.history done on mine.id is null and done.id = given.value->>'id'
left join mainspring.hot_runs held on mine.id is null and held.key = given.value->>'key'
    and held.tenant = given.value->>'tenant' and held.task = given.value->>'task'
order by 1
