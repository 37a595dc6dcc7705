-- Account for slots: move the cursor of each schedule that is still as it was read, and in the same breath add the runs of the slots that
-- fire and the records of those that do not. Whoever comes second changes nothing and adds nothing; nobody waits for a row that is held.
-- An answer to a predicate's question is written so, too: if the question still stands.
-- Answers the ids of the schedules, and of the runs that were added.
with clock as materialized (select {CLOCK} as now),
given as materialized (
    select * from json_to_recordset(:batch) as r(
        id bigint, version bigint, was timestamptz, cursor timestamptz, next_slot timestamptz, next_at timestamptz, last_slot timestamptz,
        run uuid, answers timestamptz, asks timestamptz, asked_until timestamptz, asked timestamptz, drops boolean, ends_pause boolean, ends_skip boolean, changes boolean,
        task text, code text, digest text, override text, is_enabled boolean, by text)
),
held as materialized (
    select s.id from mainspring.schedules s join given on given.id = s.id and (given.answers = s.asked_slot or (given.answers is null and given.was = s.cursor_at and given.version = s.version and coalesce(given.asked = s.asked_slot, given.asked is null)))
    order by s.id for update of s skip locked
),
won as (
    update mainspring.schedules s
    set cursor_at = coalesce(given.cursor, s.cursor_at),
        next_slot = case when given.answers is null then given.next_slot else s.next_slot end,
        next_at = case when given.answers is null then given.next_at else s.next_at end,
        fired_at = case when given.run is null then s.fired_at else clock.now end,
        last_slot = coalesce(given.last_slot, s.last_slot), last_run_id = coalesce(given.run, s.last_run_id),
        looked_at = case when given.asks is null then s.looked_at else clock.now end,
        asked_slot = case when given.asks is not null then given.asks when given.drops then null else s.asked_slot end,
        asked_until = case when given.asks is not null then given.asked_until when given.drops then null else s.asked_until end,
        skip_slot = case when given.ends_skip then null else s.skip_slot end,
        paused_at = case when given.ends_pause then null else s.paused_at end,
        paused_by = case when given.ends_pause then null else s.paused_by end,
        pause_reason = case when given.ends_pause then null else s.pause_reason end,
        paused_until = case when given.ends_pause then null else s.paused_until end,
        resumed_at = case when given.ends_pause then null else s.resumed_at end,
        task = case when given.changes then given.task else s.task end,
        code = case when given.changes then given.code else s.code end,
        code_digest = case when given.changes then given.digest else s.code_digest end,
        override = case when given.changes then given.override else s.override end,
        is_enabled = case when given.changes then given.is_enabled else s.is_enabled end,
        version = s.version + case when given.changes then 1 else 0 end,
        changed_at = case when given.changes then clock.now else s.changed_at end,
        changed_by = case when given.changes then given.by else s.changed_by end
    from given, clock
    where s.id = given.id and (given.answers = s.asked_slot or (given.answers is null and given.was = s.cursor_at and given.version = s.version and coalesce(given.asked = s.asked_slot, given.asked is null)))
      and s.id = any(array(select id from held))
    returning s.id, s.task, s.tenant
),
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
    join won on won.id = r.schedule, clock
),
added as (
    insert into mainspring.hot_runs (
        id, created_at, run_at, ready_at, deadline_at, slot_at, schedule_id, timeout_ms, state, pool, priority, max_retries, max_rescues,
        params_version, is_repeatable, queue, tenant, task, label, origin, actor, params, meta, limit_queue, limit_task, limit_key,
        waits_for, reason, gate, overlap, overlap_most, overlap_key, depends)
    select id, now, due, case when due > now or gate <> 0 or first_limit is not null then null else now end, now + deadline_ms * interval '1 millisecond',
           slot_at, schedule, timeout_ms, case when due > now or gate <> 0 then 2 when first_limit is not null then 0 else 3 end, pool, priority,
           max_retries, max_rescues, params_version, is_repeatable, queue, tenant, task, label, origin, actor, params, meta, limit_queue,
           limit_task, limit_key, case when due <= now and gate = 0 then first_limit end,
           case when due <= now and gate = 0 and first_limit is not null then 'limit' end, gate, overlap, overlap_most, overlap_key, depends
    from asked cross join lateral (select coalesce(limit_queue, limit_task, limit_key) as first_limit) limits
    order by schedule, slot_at
    on conflict do nothing
    returning id
),
silent as materialized (
    select r.id, won.task, won.tenant, r.schedule, r.slot_at, r.reason, r.params, r.meta, 0::smallint as pool, 2::smallint as priority,
           'default' as queue, clock.now
    from json_to_recordset(:records) as r(
        schedule bigint, slot_at timestamptz, id uuid, reason text, params text, meta text)
    join won on won.id = r.schedule, clock
    union all
    select id, task, tenant, schedule, slot_at, 'duplicate', params, meta, pool, priority, queue, now from asked
    where id not in (select id from added)
),
counted as (
    insert into mainspring.stats as s (bucket, task, state, shard, n, ran_ms, waited_ms)
    select date_trunc('minute', now), task, 14, :shard, count(*), 0, 0 from silent group by 1, 2 order by 2
    on conflict (bucket, task, state, shard) do update set n = s.n + excluded.n
),
written as (
    insert into mainspring.history (
        id, created_at, run_at, finished_at, slot_at, schedule_id, seq, attempt, state, reason, pool, priority, retries, max_retries,
        rescues, params_version, queue, tenant, task, origin, params, meta)
    select id, now, slot_at, now, slot_at, schedule, 2, 0, 14, reason, pool, priority, 0, 0, 0, 1, queue, tenant, task, :origin, params, meta
    from silent
)
select 'schedule' as what, id::text from won
union all
select 'run', id::text from added
