-- Let runs go from the lists of some keys, as far as every key of theirs has room. Two statements in one transaction: the first locks the
-- keys (and makes those that are used for the first time), the second counts on a snapshot that is younger than the locks. What another
-- limiter holds is left to it: the answer says so. Runs that do not carry a key which binds them get it here at the latest.
with head as materialized (
    select run.*
    from unnest(:keys::text[]) as list(key)
    cross join lateral (
        select task, coalesce(limit_queue, (select key from mainspring.limits where binds_queue = queue)) as limit_queue,
               coalesce(limit_task, (select key from mainspring.limits where binds_task = task)) as limit_task, limit_key
        from mainspring.hot_runs
        where state = 0 and waits_for = list.key order by priority, created_at, id limit :n) as run
),
wanted as materialized (
    select own.key, min(own.follows) as follows
    from head cross join lateral (values (limit_queue, null), (limit_task, null), (limit_key, 'each:' || task)) as own(key, follows)
    where own.key is not null group by own.key
),
made as (
    insert into mainspring.limits (key, follows, created_at, changed_at)
    select key, follows, {CLOCK}, {CLOCK} from wanted
    where key not in (select key from mainspring.limits where key = any(array(select key from wanted)))
    order by key on conflict do nothing
    returning key
),
held as (
    select key from mainspring.limits where key = any(array(select key from wanted)) order by key for update skip locked
)
select set_config('mainspring.held', coalesce((select json_agg(key)::text from (select key from held union select key from made) as mine), '[]'), true),
       set_config('mainspring.wanted', (select count(*)::text from wanted), true);

with clock as materialized (select {CLOCK} as now),
held as materialized (
    select own.key, own.tat, own.admitted::json as admitted,
           coalesce(shared.code, '{}')::jsonb || coalesce(own.code, '{}')::jsonb || coalesce(shared.override, '{}')::jsonb
               || coalesce(own.override, '{}')::jsonb as most
    from mainspring.limits own left join mainspring.limits shared on shared.key = own.follows
    where own.key = any(array(select json_array_elements_text(current_setting('mainspring.held')::json)))
),
going as materialized (
    select held.key, count(run.state) as n, count(*) filter (where run.state = 3) as ready
    from held left join lateral (
        select state from mainspring.hot_runs where held.key like 'queue:%' and limit_queue = held.key and limit_queue is not null and state in (3, 4)
        union all
        select state from mainspring.hot_runs where held.key like 'task:%' and limit_task = held.key and limit_task is not null and state in (3, 4)
        union all
        select state from mainspring.hot_runs where held.key like 'key:%' and limit_key = held.key and limit_key is not null and state in (3, 4)
    ) as run on true
    group by held.key
),
let_go as materialized (  -- what a rate let go that had not started then: when did it?
    select held.key, entry.id, coalesce(run.state, 10) as state, coalesce(run.started_at, past.started_at) as started_at
    from held cross join lateral json_array_elements_text(held.admitted) as entry(id)
    left join lateral (select state, started_at from mainspring.hot_runs where id = entry.id::uuid limit 1) as run on true
    left join lateral (select started_at from mainspring.history where id = entry.id::uuid limit 1) as past on true
),
pace as materialized (
    select key, json_agg(id order by id) filter (where state = 3) as unstarted, max(at) as at
    from (select let_go.key, id, state,
                 case when state <> 3 then started_at + (most->>'interval_us')::bigint * interval '1 microsecond'
                      * (count(*) over (partition by let_go.key)
                         - row_number() over (partition by let_go.key order by state = 3, started_at nulls last) + 1) end as at
          from let_go join held on held.key = let_go.key) as starts
    group by key
),
lim as materialized (
    select held.key, going.ready, pace.unstarted, (most->>'concurrency')::int as concurrency, (most->>'interval_us')::bigint as interval_us,
           (most->>'burst')::int as burst, going.n,
           case when most->>'interval_us' is not null
                then greatest(tat, pace.at, now + going.ready * (most->>'interval_us')::bigint * interval '1 microsecond') end as tat
    from clock cross join held join going on going.key = held.key left join pace on pace.key = held.key
),
room as materialized (
    select lim.*, coalesce(concurrency - n, 1000000000) as room_of_slots,
           greatest(least(coalesce(concurrency - n, 1000000000),
                          coalesce(floor(burst - extract(epoch from tat - now) * 1000000 / interval_us), 1000000000)), 0)::bigint as room
    from clock cross join lim
),
chosen as materialized (  -- LIMIT cannot ask how much room a list has
    select id, list, room from (
        select run.id, room.key as list, room.room, row_number() over (partition by room.key order by run.priority, run.created_at, run.id) as place
        from room cross join lateral (
            select id, priority, created_at from mainspring.hot_runs
            where state = 0 and waits_for = room.key order by priority, created_at, id limit :n) as run
        where room.room > 0 and room.key = any(:keys::text[])
    ) as first where place <= room
),
locked as materialized (
    select id, priority, created_at, queue, tenant, pool, coalesce(limit_queue, (select key from mainspring.limits where binds_queue = queue)) as limit_queue,
           coalesce(limit_task, (select key from mainspring.limits where binds_task = task)) as limit_task, limit_key
    from mainspring.hot_runs
    where id = any(array(select id from chosen)) and state + 0 = 0 for update skip locked
),
drawn as materialized (
    select locked.*, chosen.list from locked join chosen on chosen.id = locked.id
    where (limit_queue is null or limit_queue in (select key from room)) and (limit_task is null or limit_task in (select key from room))
      and (limit_key is null or limit_key in (select key from room))
),
use as materialized (
    select drawn.id, own.key, row_number() over (partition by own.key order by priority, created_at, id) as place
    from drawn cross join lateral (values (limit_queue), (limit_task), (limit_key)) as own(key) where own.key is not null
),
stuck as materialized (select use.id from use join room on room.key = use.key where use.place > room.room),
left_over as materialized (
    select room.key, room.room - coalesce(taken.n, 0) as room, coalesce(taken.n, 0) as n, room.room_of_slots - coalesce(taken.n, 0) as room_of_slots
    from room left join (select key, count(*) as n from use where id not in (select id from stuck) group by key) taken on taken.key = room.key
),
moved as materialized (  -- who finds another of its keys full waits for that one, out of the way of those behind it
    select drawn.id, min(own.key) as list
    from drawn cross join lateral (values (limit_queue), (limit_task), (limit_key)) as own(key) join left_over on left_over.key = own.key
    where drawn.id in (select id from stuck) and left_over.room <= 0
    group by drawn.id, drawn.list having not bool_or(own.key = drawn.list)
),
put as (
    update mainspring.hot_runs as run set waits_for = moved.list, limit_queue = drawn.limit_queue, limit_task = drawn.limit_task
    from moved join drawn on drawn.id = moved.id
    where run.id = moved.id and run.id = any(array(select id from moved))
),
freed as (
    update mainspring.hot_runs as run
    set state = 3, ready_at = clock.now, waits_for = null, reason = null, limit_queue = drawn.limit_queue, limit_task = drawn.limit_task
    from clock cross join drawn
    where run.id = drawn.id and run.id = any(array(select id from drawn where id not in (select id from stuck)))
),
paced as (
    update mainspring.limits as own
    set tat = lim.tat + left_over.n * lim.interval_us * interval '1 microsecond',
        admitted = (select json_agg(id)::text from (
            select json_array_elements_text(lim.unstarted) as id
            union all select use.id::text from use where use.key = lim.key and use.id not in (select id from stuck)) as ids)
    from lim join left_over on left_over.key = lim.key
    where own.key = lim.key and lim.interval_us is not null and own.key = any(array(select key from lim))
)
select 'run' as kind, id::text as name, queue, tenant, pool, priority, null::float8 as ms, 0::bigint as n from drawn where id not in (select id from stuck)
union all
select 'list', room.key, '', '', 0, 0,
       case when left_over.room <= 0 and left_over.room_of_slots > 0 and room.interval_us is not null
            then greatest(extract(epoch from room.tat - now) * 1000 + (left_over.n - room.burst + 1) * room.interval_us / 1000.0, 0) end,
       case when left_over.room > 0 and ((select count(*) from chosen where list = room.key) >= least(room.room, :n)
                                         or exists (select 1 from drawn where list = room.key and id in (select id from stuck)
                                                    and id not in (select id from moved))) then 1 else 0 end
from clock cross join room join left_over on left_over.key = room.key
where room.key = any(:keys::text[]) or room.key in (select list from moved)
union all
select 'moved', '', '', '', 0, 0, null, (select count(*) from moved)
union all
select 'busy', '', '', '', 0, 0, null, current_setting('mainspring.wanted')::int - (select count(*) from room)
