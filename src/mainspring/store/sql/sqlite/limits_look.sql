-- The lists that hold runs, past a key: for each, whether its key has room (ms 0), when a rate will have a token (ms), or that it is full
-- (null). A loose index scan, one look per list however long each is.
with recursive list(key, place) as (
    select (select waits_for from mainspring.hot_runs where state = 0 and waits_for is not null and waits_for > :after order by waits_for limit 1), 1
    union all
    select (select waits_for from mainspring.hot_runs where state = 0 and waits_for is not null and waits_for > list.key order by waits_for limit 1),
           list.place + 1
    from list where list.key is not null and list.place < :n
)
select key,
       case when most->>'concurrency' <= case
                when key like 'queue:%' then (select count(*) from mainspring.hot_runs where limit_queue = lim.key and state in (3, 4))
                when key like 'task:%' then (select count(*) from mainspring.hot_runs where limit_task = lim.key and state in (3, 4))
                else (select count(*) from mainspring.hot_runs where limit_key = lim.key and state in (3, 4)) end then null
            when most->>'interval_us' is null then 0.0
            else max((coalesce(tat, {NOW}) - {NOW} - (most->>'burst' - 1) * most->>'interval_us') / 1000.0, 0.0)
       end as ms
from (select list.key, own.tat,
             json_patch(json_patch(json_patch(coalesce(shared.code, '{}'), coalesce(own.code, '{}')), coalesce(shared.override, '{}')),
                        coalesce(own.override, '{}')) as most
      from list left join mainspring.limits own on own.key = list.key left join mainspring.limits shared on shared.key = own.follows
      where list.key is not null) lim
order by key
