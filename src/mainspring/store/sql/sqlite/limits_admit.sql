-- Let runs go from the lists of some keys, as far as every key of theirs has room. Keys that are used for the first time are made.
-- Runs that do not carry a key which binds them get it here at the latest.
delete from temp.mainspring_limit_drawn;

delete from temp.mainspring_limit_room;

delete from temp.mainspring_limit_use;

insert into temp.mainspring_limit_drawn (id, list, priority, created_at, queue, tenant, pool, task, limit_queue, limit_task, limit_key, place)
select run.id, list.value, priority, created_at, queue, tenant, pool, task,
       coalesce(limit_queue, (select key from mainspring.limits where binds_queue = queue)),
       coalesce(limit_task, (select key from mainspring.limits where binds_task = task)), limit_key, found.key + 1
from json_each(:keys) list, json_each((
    select json_group_array(row) from (
        select rowid as row from mainspring.hot_runs
        where state = 0 and waits_for = list.value order by priority, created_at, id limit :n))) found
cross join mainspring.hot_runs run on run.rowid = found.value;

insert into mainspring.limits (key, follows, created_at, changed_at)
select key, min(follows), {NOW}, {NOW} from (
    select limit_queue as key, null as follows from temp.mainspring_limit_drawn union all
    select limit_task, null from temp.mainspring_limit_drawn union all
    select limit_key, 'each:' || task from temp.mainspring_limit_drawn)
where key is not null group by key
on conflict do nothing;

insert into temp.mainspring_limit_room (key, concurrency, interval_us, burst, tat, admitted, n, ready)
select key, most->>'concurrency', most->>'interval_us', most->>'burst', tat, admitted,
       case when key like 'queue:%' then (select count(*) from mainspring.hot_runs where limit_queue = held.key and state in (3, 4))
            when key like 'task:%' then (select count(*) from mainspring.hot_runs where limit_task = held.key and state in (3, 4))
            else (select count(*) from mainspring.hot_runs where limit_key = held.key and state in (3, 4)) end,
       case when most->>'interval_us' is null then 0
            when key like 'queue:%' then (select count(*) from mainspring.hot_runs where limit_queue = held.key and state in (3, 4) and state = 3)
            when key like 'task:%' then (select count(*) from mainspring.hot_runs where limit_task = held.key and state in (3, 4) and state = 3)
            else (select count(*) from mainspring.hot_runs where limit_key = held.key and state in (3, 4) and state = 3) end
from (select own.key, own.tat, own.admitted,
             json_patch(json_patch(json_patch(coalesce(shared.code, '{}'), coalesce(own.code, '{}')), coalesce(shared.override, '{}')),
                        coalesce(own.override, '{}')) as most
      from (select limit_queue as key from temp.mainspring_limit_drawn union select limit_task from temp.mainspring_limit_drawn
            union select limit_key from temp.mainspring_limit_drawn) used
      cross join mainspring.limits own on own.key = used.key
      left join mainspring.limits shared on shared.key = own.follows) held;

-- What a rate let go that had not started then: when did it? What has not yet keeps its token.
update temp.mainspring_limit_room as limit_room
set tat = max(coalesce(tat, 0), {NOW} + ready * interval_us, coalesce((
        select max(started_at + (total - place + 1) * interval_us) from (
            select coalesce(run.started_at, past.started_at) as started_at, coalesce(run.state, 10) as state, count(*) over () as total,
                   row_number() over (order by coalesce(run.state, 10) = 3, coalesce(run.started_at, past.started_at) nulls last) as place
            from json_each(limit_room.admitted) entry
            left join mainspring.hot_runs run on run.id = entry.value
            left join mainspring.history past on past.id = entry.value)
        where state <> 3 and started_at is not null), 0)),
    admitted = (select json_group_array(entry.value) from json_each(limit_room.admitted) entry
                join mainspring.hot_runs run on run.id = entry.value where run.state + 0 = 3)
where interval_us is not null;

update temp.mainspring_limit_room
set room_of_slots = coalesce(concurrency - n, 1000000000),
    room = max(min(coalesce(concurrency - n, 1000000000),
                   case when interval_us is null then 1000000000
                        when burst * interval_us >= tat - {NOW} then (burst * interval_us - (tat - {NOW})) / interval_us else 0 end), 0);

delete from temp.mainspring_limit_drawn where place > (select room from temp.mainspring_limit_room where key = list);

insert into temp.mainspring_limit_use (id, key, place)
select id, key, row_number() over (partition by key order by priority, created_at, id) from (
    select id, priority, created_at, limit_queue as key from temp.mainspring_limit_drawn union all
    select id, priority, created_at, limit_task from temp.mainspring_limit_drawn union all
    select id, priority, created_at, limit_key from temp.mainspring_limit_drawn)
where key is not null;

update temp.mainspring_limit_drawn set goes = 0
where id in (select used.id from temp.mainspring_limit_use used join temp.mainspring_limit_room lim on lim.key = used.key where used.place > lim.room);

update temp.mainspring_limit_room as limit_room
set taken = (select count(*) from temp.mainspring_limit_use used join temp.mainspring_limit_drawn run on run.id = used.id where used.key = limit_room.key and run.goes);

-- Who finds another of its keys full waits for that one, out of the way of those behind it.
update temp.mainspring_limit_drawn
set moves_to = (select min(key) from temp.mainspring_limit_room where room <= taken and key in (limit_queue, limit_task, limit_key))
where not goes and not exists (select 1 from temp.mainspring_limit_room where key = list and room <= taken);

update mainspring.hot_runs as run set waits_for = drawn.moves_to, limit_queue = drawn.limit_queue, limit_task = drawn.limit_task
from temp.mainspring_limit_drawn drawn where drawn.moves_to is not null and run.id = drawn.id;

update mainspring.hot_runs as run
set state = 3, ready_at = {NOW}, waits_for = null, reason = null, limit_queue = drawn.limit_queue, limit_task = drawn.limit_task
from temp.mainspring_limit_drawn drawn where drawn.goes and run.id = drawn.id;

update mainspring.limits as own
set tat = lim.tat + lim.taken * lim.interval_us,
    admitted = (select json_group_array(id) from (
        select value as id from json_each(lim.admitted) union all
        select used.id from temp.mainspring_limit_use used join temp.mainspring_limit_drawn run on run.id = used.id where used.key = lim.key and run.goes))
from temp.mainspring_limit_room lim where lim.interval_us is not null and own.key = lim.key;

select 'run' as kind, id as name, queue, tenant, pool, priority, null as ms, 0 as n from temp.mainspring_limit_drawn where goes
union all
select 'list', key, '', '', 0, 0,
       case when room <= taken and room_of_slots > taken and interval_us is not null
            then max((tat - {NOW} + (taken - burst + 1) * interval_us) / 1000.0, 0) end,
       room > taken and ((select count(*) from temp.mainspring_limit_drawn where list = key) >= min(room, :n)
                         or exists (select 1 from temp.mainspring_limit_drawn where list = key and not goes and moves_to is null))
from temp.mainspring_limit_room where key in (select value from json_each(:keys)) or key in (select moves_to from temp.mainspring_limit_drawn)
union all
select 'moved', '', '', '', 0, 0, null, (select count(*) from temp.mainspring_limit_drawn where moves_to is not null)
union all
select 'busy', '', '', '', 0, 0, null, 0
