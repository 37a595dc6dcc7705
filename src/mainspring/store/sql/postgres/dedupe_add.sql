-- Add runs whose keys say more than "answer the unfinished one"; answers (ord, id, how, state). A key is in a batch once. An answer without
-- an id means that somebody was writing just then: ask again in a new statement. A single row may be waited for (:may_wait); a batch skips
-- what is locked, and what has begun. And a batch either changes runs that wait (:may_change), or it adds: where the first is to be done, the
-- second is left to another statement (how: 'free'). For whoever waits for a key must hold no run: a run that was claimed after our snapshot is
-- locked too, though it is not answered, and its node may have just let go of that key, about to finish that run (see the decision on keys).
-- A caller's transaction (not :is_own) leaves runs alone that have begun, for its locks last: what follows one there has no key.
with clock as materialized (select {CLOCK} as now),
asked as materialized (
    select r.*, clock.now, coalesce(r.run_at, clock.now + r.delay_ms * interval '1 millisecond') as due,
           r.window_ms * interval '1 millisecond' as pause, coalesce(r.limit_queue, r.limit_task, r.limit_key) as first_limit
    from json_to_recordset(:batch) as r(
        ord integer, id uuid, task text, params text, queue text, tenant text, pool smallint, priority smallint, delay_ms float8,
        run_at timestamptz, key text, timeout_ms bigint, deadline_ms float8, max_retries smallint, max_rescues smallint,
        is_repeatable boolean, label text, origin text, actor text, retry_of uuid, params_version smallint, meta text, limit_queue text,
        limit_task text, limit_key text, schedule_id bigint, slot_at timestamptz, gate smallint, overlap smallint, overlap_most integer,
        overlap_key text, depends text, policy text, window_ms float8, longest float8, told text, handed text), clock
),
-- an earlier try of the very same call has been committed
known as materialized (
    select id, id as winner, 'again' as how from mainspring.hot_runs where id = any(array(select id from asked))
    union all
    select id, id, 'again' from mainspring.history where id = any(array(select id from asked where :is_repeated))
    union all
    select id, run_id, how from mainspring.dedupe_requests where id = any(array(select id from asked where :is_repeated))
),
given as materialized (select * from asked where id not in (select id from known)),
met as materialized (
    select given.ord, given.policy, run.id, run.state, run.created_at
    from given cross join lateral (  -- with a limit, so that it is a look for each key on tables of every size
        select id, state, created_at from mainspring.hot_runs
        where tenant = given.tenant and task = given.task and key = given.key limit 1) run
),
taken as materialized (
    select given.ord, entry.run_id
    from given join mainspring.dedupe entry on entry.tenant = given.tenant and entry.task = given.task and entry.key = given.key
    where given.policy = 'once' and entry.run_id <> given.id and (entry.expires_at is null or entry.expires_at > {NOW})
),
turn as materialized (
    select :may_wait or not :may_change or not exists (select from met where policy in ('replace', 'debounce') and state < 4) as adds
),
free as materialized (
    select id from mainspring.hot_runs
    where not :may_wait and :may_change and id = any(array(select id from met where policy in ('replace', 'debounce') and state < 4)) and state < 4
    order by id for update skip locked
),
held as materialized (
    select given.*, run.id as run_id, run.state as was, run.seq, run.attempt, run.pending_deps, run.created_at as since,
           run.ready_at as in_line_since, run.waits_for as in_line_for, run.reason as why, run.suspicion, run.pool as place,
           run.gate as was_at, case when run.gate = 0 and run.overlap_key is not distinct from given.overlap_key
                                         and run.depends is not distinct from given.depends then 0 else given.gate end as to_ask,
           case given.policy when 'debounce'
                then greatest(given.due, least(given.now + given.pause, run.created_at + given.longest * given.pause))
                else given.due end as start,
           (run.queue, run.pool, run.priority) = (given.queue, given.pool, given.priority)
               and (run.limit_queue, run.limit_task, run.limit_key) is not distinct from (given.limit_queue, given.limit_task, given.limit_key)
               as is_in_line
    from given join met on met.ord = given.ord
    cross join lateral (
        -- named, for a role that only enqueues may not read parameters
        select id, state, seq, attempt, pending_deps, created_at, ready_at, waits_for, reason, suspicion, pool, queue, priority, limit_queue,
               limit_task, limit_key, gate, overlap_key, depends
        from mainspring.hot_runs
        where id = met.id and tenant = given.tenant and task = given.task and key = given.key
          and (:may_wait or id = any(array(select id from free))) and (state < 4 or :may_wait and :is_own)
        for update) run
    where given.policy in ('replace', 'debounce')
),
next as materialized (
    select held.*, case when pending_deps > 0 then 0 when start > now or to_ask > 0 then 2 when was = 1 and was_at = 0 then 1 when is_in_line and was in (0, 3) then was
                        when first_limit is not null then 0 else 3 end as state
    from held where was < 4
),
-- The new words in the old place: who waits in the same line keeps the turn in it, or a key asked for often would never come to run. Old
-- values are those of the locked row: the row that is updated is at first the one of the snapshot, and checks look at that one too. There it
-- may have been running, and a running row without its claim's state is none; the row as it is now is looked at again, and waits.
replaced as (
    update mainspring.hot_runs run
    set params = next.params, params_version = next.params_version, queue = next.queue, priority = next.priority,
        pool = case when next.suspicion >= 2 then next.place else next.pool end,
        state = case run.state when 4 then 4 else next.state end, run_at = next.start,
        ready_at = case when next.state <> 3 then null when next.was = 3 and next.is_in_line then next.in_line_since else next.now end,
        waits_for = case when next.state <> 0 or next.pending_deps > 0 then null
                         when next.was = 0 and next.is_in_line then coalesce(next.in_line_for, next.first_limit) else next.first_limit end,
        reason = case when next.state = 1 or next.pending_deps > 0 then next.why when next.state = 0 then 'limit' end,
        deadline_at = next.now + next.deadline_ms * interval '1 millisecond', timeout_ms = next.timeout_ms,
        retries = 0, max_retries = next.max_retries, rescues = 0, max_rescues = next.max_rescues, is_repeatable = next.is_repeatable,
        label = next.label, origin = next.origin, actor = next.actor, meta = next.meta, limit_queue = next.limit_queue,
        limit_task = next.limit_task, limit_key = next.limit_key, schedule_id = next.schedule_id, slot_at = next.slot_at, gate = next.to_ask,
        overlap = next.overlap, overlap_most = next.overlap_most, overlap_key = next.overlap_key, depends = next.depends,
        blocked_by = null, blocked_on = null, seq = next.seq + 1
    from next where run.id = next.run_id and run.id = any(array(select run_id from next))
),
noted as (
    insert into mainspring.dedupe_requests (id, run_id, how, expires_at)
    select id, run_id, case policy when 'debounce' then 'debounced' else 'replaced' end, now + interval '1 hour' from next
),
-- a run that has begun is left alone, and hands its key over to the one that follows it
passed as (
    update mainspring.hot_runs run set key = null, seq = held.seq + 1
    from held where held.was >= 4 and run.id = held.run_id and run.id = any(array(select run_id from held where was >= 4))
    returning run.id
),
told as (
    insert into mainspring.events (run_id, seq, at, attempt, kind, data)
    select run_id, seq + 1, now, attempt, case when was >= 4 then 12 else 11 end, case when was >= 4 then handed else told end from held
),
-- the gate of "once": whoever gets a row here may make the run. Ids of this call are let through: an earlier statement of it took the row.
gate as (
    insert into mainspring.dedupe as entry (tenant, task, key, run_id, expires_at)
    select given.tenant, given.task, given.key, coalesce(met.id, given.id), coalesce(met.created_at, given.now) + given.pause
    from given left join met on met.ord = given.ord
    where given.policy = 'once' and given.ord not in (select ord from taken) and (select adds from turn)
      and (met.id is null or given.pause is null or met.created_at + given.pause > given.now)
    order by given.tenant, given.task, given.key
    on conflict (tenant, task, key) do update set run_id = excluded.run_id, expires_at = excluded.expires_at
        where entry.expires_at <= {NOW} or entry.run_id = any(array(select id from given))
    returning entry.run_id
),
added as (
    insert into mainspring.hot_runs (
        id, created_at, run_at, ready_at, deadline_at, retry_of, timeout_ms, state, pool, priority, max_retries, max_rescues,
        params_version, is_repeatable, queue, tenant, task, key, label, origin, actor, params, meta, limit_queue, limit_task,
        limit_key, waits_for, reason, schedule_id, slot_at, gate, overlap, overlap_most, overlap_key, depends)
    select id, now, start, case when start > now or gate > 0 or first_limit is not null then null else now end,
           now + deadline_ms * interval '1 millisecond', retry_of, timeout_ms,
           case when start > now or gate > 0 then 2 when first_limit is not null then 0 else 3 end, pool, priority, max_retries, max_rescues,
           params_version, is_repeatable, queue, tenant, task, case when not is_alone then key end, label, origin, actor, params, meta,
           limit_queue, limit_task, limit_key, case when start <= now and gate = 0 then first_limit end,
           case when start <= now and gate = 0 and first_limit is not null then 'limit' end,
           schedule_id, slot_at, gate, overlap, overlap_most, overlap_key, depends
    from (
        select given.*, case given.policy when 'debounce' then greatest(given.due, given.now + given.pause) else given.due end as start,
               coalesce(given.policy in ('replace', 'debounce') and not :is_own and met.state >= 4, false) as is_alone, met.id as met_id
        from given left join met on met.ord = given.ord
    ) wanted
    where (select adds from turn) and (select count(*) from passed) >= 0  -- first the key is let go of, then it is taken
      and case policy when 'once' then met_id is null and id = any(array(select run_id from gate))
                      else met_id is null or is_alone or met_id = any(array(select id from passed)) end
    order by tenant, task, key, id
    on conflict do nothing
    returning id, tenant, task, key, retry_of
),
-- a person's retry takes the place of the run that it repeats
moving as materialized (
    select entry.tenant, entry.task, entry.key from mainspring.dedupe entry
    join given on entry.tenant = given.tenant and entry.task = given.task and entry.key = given.key
    where given.retry_of is not null and entry.run_id = given.retry_of
    for update of entry skip locked
),
moved as (
    update mainspring.dedupe entry set run_id = added.id
    from added join moving on moving.tenant = added.tenant and moving.task = added.task and moving.key = added.key
    where entry.tenant = added.tenant and entry.task = added.task and entry.key = added.key and entry.run_id = added.retry_of
)
select asked.ord, coalesce(known.winner, added.id, next.run_id, other.id) as id,
       coalesce(known.how, case when added.id is not null then 'new'
                                when next.run_id is not null then case asked.policy when 'debounce' then 'debounced' else 'replaced' end
                                when other.id is null and not (select adds from turn) and asked.ord not in (select ord from met) then 'free'
                                when asked.policy = 'reject' then 'rejected' else 'existing' end) as how,
       other.state
from asked
left join known on known.id = asked.id
left join added on added.id = asked.id
left join next on next.ord = asked.ord
left join lateral (
    select met.id, met.state from met where met.ord = asked.ord and met.policy not in ('replace', 'debounce')
    union all
    select taken.run_id, null from taken where taken.ord = asked.ord
    limit 1
) other on true
order by asked.ord
