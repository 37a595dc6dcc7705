-- Add runs of a schedule that somebody has asked for, those with a slot only where it has no run. One after the other: the row is held, and
-- the second statement sees what was there before.
select id from mainspring.schedules where id = :id for update;

with clock as materialized (select {CLOCK} as now),
asked as materialized (
    select r.*, s.*, coalesce(r.run_at, clock.now) as due, clock.now
    from (select (value->>0)::bigint as schedule, (value->>1)::timestamptz as slot_at, (value->>2)::uuid as id,
                 (value->>3)::timestamptz as run_at, (value->>4)::integer as place
          from json_array_elements(:runs) as given_run(value)) r
    join json_to_recordset(:shapes) as s(
        shape integer, task text, params text, queue text, tenant text, pool smallint, priority smallint, timeout_ms bigint,
        deadline_ms float8, max_retries smallint, max_rescues smallint, is_repeatable boolean, label text, origin text, actor text,
        params_version smallint, meta text, limit_queue text, limit_task text, limit_key text, gate smallint, overlap smallint,
        overlap_most integer, overlap_key text, depends text) on s.shape = r.place
    cross join clock
    where r.slot_at is null or not exists (
        select 1 from mainspring.history h where h.schedule_id = :id and h.slot_at = r.slot_at and h.state <> 14)
),
added as (
    insert into mainspring.hot_runs (
        id, created_at, run_at, ready_at, deadline_at, slot_at, schedule_id, timeout_ms, state, pool, priority, max_retries, max_rescues,
        params_version, is_repeatable, queue, tenant, task, label, origin, actor, params, meta, limit_queue, limit_task, limit_key,
        waits_for, reason, gate, overlap, overlap_most, overlap_key, depends)
    select id, now, due, case when due > now or gate <> 0 or first_limit is not null then null else now end, now + deadline_ms * interval '1 millisecond',
           slot_at, :id, timeout_ms, case when due > now or gate <> 0 then 2 when first_limit is not null then 0 else 3 end, pool, priority,
           max_retries, max_rescues, params_version, is_repeatable, queue, tenant, task, label, origin, actor, params, meta, limit_queue,
           limit_task, limit_key, case when due <= now and gate = 0 then first_limit end,
           case when due <= now and gate = 0 and first_limit is not null then 'limit' end, gate, overlap, overlap_most, overlap_key, depends
    from asked cross join lateral (select coalesce(limit_queue, limit_task, limit_key) as first_limit) limits
    order by slot_at
    on conflict do nothing
    returning id, slot_at
),
told as (
    update mainspring.schedules
    set last_run_id = (select id from added order by id desc limit 1), fired_at = {CLOCK}
    where id = :id and exists (select 1 from added)
)
select id from added
