-- The lists that hold runs, past a key: for each, whether its key has room (ms 0), when a rate will have a token (ms), or that it is full
-- (null). A loose index scan, one look per list however long each is; what goes is counted up to the limit.
with recursive list as (
    (select waits_for as key, 1 as place from mainspring.hot_runs where state = 0 and waits_for is not null and waits_for > :after
     order by waits_for limit 1)
    union all
    (select following.key, list.place + 1 from list cross join lateral (
        select waits_for as key from mainspring.hot_runs where state = 0 and waits_for is not null and waits_for > list.key
        order by waits_for limit 1) as following
     where list.place < :n)
),
lim as materialized (
    select list.key, own.tat,
           coalesce(shared.code, '{}')::jsonb || coalesce(own.code, '{}')::jsonb || coalesce(shared.override, '{}')::jsonb
               || coalesce(own.override, '{}')::jsonb as most
    from list left join mainspring.limits own on own.key = list.key left join mainspring.limits shared on shared.key = own.follows
)
select key,
       case when (most->>'concurrency')::int <= (
                select count(*) from (
                    select 1 from mainspring.hot_runs where lim.key like 'queue:%' and limit_queue = lim.key and limit_queue is not null and state in (3, 4)
                    union all
                    select 1 from mainspring.hot_runs where lim.key like 'task:%' and limit_task = lim.key and limit_task is not null and state in (3, 4)
                    union all
                    select 1 from mainspring.hot_runs where lim.key like 'key:%' and limit_key = lim.key and limit_key is not null and state in (3, 4)
                ) as going) then null
            when most->>'interval_us' is null then 0
            else greatest(extract(epoch from coalesce(tat, {NOW}) - {NOW}) * 1000 - ((most->>'burst')::int - 1) * (most->>'interval_us')::bigint / 1000.0, 0)
       end::float8 as ms
from lim order by key
