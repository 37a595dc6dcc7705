-- Write down what waits in each queue, unless somebody has seen to this minute: the row of the nameless queue goes first and decides.
-- Where nothing waits, one row says so and no other follows. Services wait in no queue. Counting stops at a bound.
with clock as materialized (select {NOW} as now, date_trunc('minute', {NOW}) as minute),
latest as materialized (select * from mainspring.samples where queue = '' order by at desc limit 1),
counted as materialized (
    select queue, count(*) filter (where state = 3) as ready, count(*) filter (where state in (0, 2)) as later,
           count(*) filter (where state = 4) as running, count(*) filter (where state in (1, 5)) as blocked,
           min(ready_at) filter (where state = 3) as oldest_at
    from (select queue, state, ready_at from mainspring.hot_runs
          where origin <> 'service' and not exists (select 1 from latest, clock where at = minute) limit :bound) as waiting
    group by queue
),
first as (
    insert into mainspring.samples (at, queue, ready, later, running, blocked, oldest_ms)
    select minute, '', coalesce(sum(ready), 0), coalesce(sum(later), 0), coalesce(sum(running), 0), coalesce(sum(blocked), 0),
           coalesce(greatest(extract(epoch from now - min(oldest_at)) * 1000, 0), 0)::bigint
    from clock left join counted on true
    group by minute, now
    having count(queue) > 0 or exists (select 1 from latest where ready + later + running + blocked > 0)
    on conflict do nothing returning at
),
others as (
    insert into mainspring.samples (at, queue, ready, later, running, blocked, oldest_ms)
    select first.at, queue, ready, later, running, blocked, coalesce(greatest(extract(epoch from now - oldest_at) * 1000, 0), 0)::bigint
    from first, clock, counted
    on conflict do nothing
)
select at from first
