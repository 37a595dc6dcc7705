-- Ask what due runs depend on: who goes, and who waits for which task. Nothing is locked to look; a row is taken when its answer is new, and
-- left to the next look where somebody else is writing it. By pages of ids: those that wait are there the next time, too.
with clock as materialized (select {CLOCK} as now),
page as materialized (
    select * from (
        (select id, state, tenant, depends, started_at, blocked_by, blocked_on, attempt from mainspring.hot_runs
         where gate > 0 and gate = 2 and state = 2 and :has_new and run_at <= {NOW} and id > :after::uuid order by id limit :n)
        union all
        (select id, state, tenant, depends, started_at, blocked_by, blocked_on, attempt from mainspring.hot_runs
         where gate > 0 and gate = 2 and state = 1 and id > :after::uuid and (:is_full or blocked_on = any(:tasks::text[])) order by id limit :n)
    ) as asked order by id limit :n
),
needs as materialized (
    select page.id, tenant, need.ord, need.value->>'task' as task, (need.value->>'within_ms')::float8 * interval '1 millisecond' as within,
           need.value->>'is_next' is not null as is_next, started_at, case when blocked_on = need.value->>'task' then blocked_by end as awaited
    from page cross join lateral json_array_elements(depends::json) with ordinality as need(value, ord)
),
asked as materialized (select distinct tenant, task from needs),
-- Its run that was due last and has not ended, and the one that has, skipped ones left out. Ids tell only about when: clocks of those who
-- make them differ, so the database's decides among the newest hundred.
latest as materialized (
    select asked.tenant, asked.task, open.id as open_id, open.due as open_due, past.id as past_id, past.due as past_due, past.state, past.finished_at
    from asked
    left join lateral (
        select id, due from (
            select id, coalesce(run_at, created_at) as due from mainspring.hot_runs where state = 4 and task = asked.task and tenant = asked.tenant
            union all
            select id, coalesce(run_at, created_at) from mainspring.hot_runs where state = 1 and task = asked.task and tenant = asked.tenant
            union all
            select id, coalesce(run_at, created_at)
            from (select id, task, tenant, state, run_at, created_at, claim_seq from mainspring.hot_runs order by id desc limit :bound) as young
            where task = asked.task and tenant = asked.tenant
              and (state in (0, 3, 5) or state = 2 and (run_at <= {NOW} or claim_seq is not null))
        ) as found order by due desc, id desc limit 1) as open on true
    left join lateral (
        select * from (
            select id, state, finished_at, coalesce(run_at, created_at) as due from mainspring.history
            where task = asked.task and tenant = asked.tenant and state <> 14 order by id desc limit 100) as young
        order by due desc, id desc limit 1) as past on true
),
missing as materialized (
    select needs.id, needs.ord, needs.task, coalesce(open_id, past_id) as way
    from needs cross join clock left join latest on latest.tenant = needs.tenant and latest.task = needs.task
    where not case when is_next then exists (
                       select from (select state, finished_at from mainspring.history where task = needs.task and tenant = needs.tenant
                                    order by id desc limit 100) as young where state = 10 and finished_at > needs.started_at)
                   else coalesce((open_id is null or past_due > open_due) and latest.state = 10
                                 and (within is null or latest.finished_at > now - within), false) end
      and not exists (  -- the very run that was waited for has succeeded, whatever began since
        select from mainspring.history awaited
        where awaited.id = needs.awaited and awaited.state = 10 and (within is null or awaited.finished_at > now - within)
          and (not is_next or awaited.finished_at > needs.started_at))
),
first as materialized (select distinct on (id) id, task, way from missing order by id, ord),
decided as materialized (
    select page.id, page.state, first.task, first.way from page left join first on first.id = page.id
    where first.id is null or page.state = 2 or (first.task, first.way) is distinct from (page.blocked_on, page.blocked_by)
),
free as materialized (
    select id, state from mainspring.hot_runs
    where id = any(array(select id from decided)) and gate = 2 and state in (1, 2) order by id for update skip locked
),
passed as (
    update mainspring.hot_runs run
    set gate = 0, state = case when coalesce(limit_queue, limit_task, limit_key) is null then 3 else 0 end,
        ready_at = case when coalesce(limit_queue, limit_task, limit_key) is null then clock.now end,
        waits_for = coalesce(limit_queue, limit_task, limit_key),
        reason = case when coalesce(limit_queue, limit_task, limit_key) is not null then 'limit' end,
        blocked_by = null, blocked_on = null, seq = run.seq + (free.state = 1)::int
    from clock, free join decided on decided.id = free.id
    where decided.task is null and run.id = free.id and run.id = any(array(select id from decided where task is null))
    returning run.id, run.queue, run.tenant, run.pool, run.priority, run.waits_for, run.seq, run.attempt, free.state as was
),
blocked as (
    update mainspring.hot_runs run
    set state = 1, reason = 'dependency', blocked_on = decided.task, blocked_by = decided.way, seq = run.seq + (free.state = 2)::int
    from free join decided on decided.id = free.id
    where decided.task is not null and run.id = free.id and run.id = any(array(select id from decided where task is not null))
    returning run.id, run.seq, run.attempt, run.blocked_on, run.blocked_by, free.state as was
),
told as (
    insert into mainspring.events (run_id, seq, at, attempt, kind, data)
    select id, seq, now, attempt, 9, null from passed, clock where was = 1
    union all
    select id, seq, now, attempt, 8, json_strip_nulls(json_build_object('reason', 'dependency', 'on', blocked_on, 'by', blocked_by))::text
    from blocked, clock where was = 2
)
select 'passed' as kind, id::text as name, queue, tenant, pool, priority, waits_for from passed
union all
select 'blocked', id::text, '', '', 0, 0, null from blocked
union all
select 'more', max(id::text), '', '', 0, 0, null from page having count(*) >= :n
