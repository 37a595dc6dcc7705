-- Add a batch; answers (ord, id, is_new). A run whose key or id is taken is not added: the answer is the id that won, or null when the
-- winner committed after this statement's snapshot (ask again in a new statement). Sorted by key, so that two batches lock in one order.
with clock as materialized (select {CLOCK} as now),
given as materialized (
    select r.*, coalesce(r.run_at, clock.now + r.delay_ms * interval '1 millisecond') as due, clock.now
    from json_to_recordset(:batch) as r(
        ord integer, id uuid, task text, params text, queue text, tenant text, pool smallint, priority smallint, delay_ms float8,
        run_at timestamptz, key text, timeout_ms bigint, deadline_ms float8, max_retries smallint, max_rescues smallint,
        is_repeatable boolean, label text, origin text, actor text, retry_of uuid, params_version smallint, meta text, limit_queue text,
        limit_task text, limit_key text, schedule_id bigint, slot_at timestamptz, gate smallint, overlap smallint, overlap_most integer,
        overlap_key text, depends text), clock
),
done as (select id from mainspring.history where id = any(array(select id from given where :is_repeated))),
added as (
    insert into mainspring.hot_runs (
        id, created_at, run_at, ready_at, deadline_at, retry_of, timeout_ms, state, pool, priority, max_retries, max_rescues,
        params_version, is_repeatable, queue, tenant, task, key, label, origin, actor, params, meta, limit_queue, limit_task,
        limit_key, waits_for, reason, schedule_id, slot_at, gate, overlap, overlap_most, overlap_key, depends)
    select id, now, due, case when is_early or first_limit is not null then null else now end, now + deadline_ms * interval '1 millisecond', retry_of, timeout_ms,
           case when is_early then 2 when first_limit is not null then 0 else 3 end, pool, priority, max_retries, max_rescues, params_version, is_repeatable,
           queue, tenant, task, key, label, origin, actor, params, meta, limit_queue, limit_task, limit_key,
           case when not is_early then first_limit end, case when not is_early and first_limit is not null then 'limit' end,
           schedule_id, slot_at, gate, overlap, overlap_most, overlap_key, depends
    from given cross join lateral (  -- who has to be asked is not ready, due or not: the gatekeeper lets it go
        select coalesce(limit_queue, limit_task, limit_key) as first_limit, due > now or gate > 0 as is_early) waits
    where id not in (select id from done)
    order by tenant, task, key, id
    on conflict do nothing
    returning id
)
select distinct on (given.ord) given.ord, coalesce(added.id, done.id, held.id) as id, added.id is not null as is_new
from given
left join added on added.id = given.id
left join done on done.id = given.id
left join lateral (  -- not one condition with "or": that needs a bitmap scan, or the table whole
    select hot.id from mainspring.hot_runs hot where added.id is null and done.id is null and hot.id = given.id
    union all
    select hot.id from mainspring.hot_runs hot
    where added.id is null and done.id is null and hot.key = given.key and hot.tenant = given.tenant and hot.task = given.task
) held on true
order by given.ord, held.id = given.id desc  -- a run that has handed its key over stands there beside the one that has it now
