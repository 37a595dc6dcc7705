-- Write down what waits in each queue, unless somebody has seen to this minute: whoever writes holds the file's only pen, so the minute is
-- either whole or still to be seen to. Where nothing waits, one row says so and no other follows. Services wait in no queue. Counting
-- stops at a bound.
insert into mainspring.samples (at, queue, ready, later, running, blocked, oldest_ms)
select {NOW} - {NOW} % 60000000, queue, sum(state = 3), sum(state in (0, 2)), sum(state = 4), sum(state in (1, 5)),
       coalesce(max(0, {NOW} - min(case when state = 3 then ready_at end)) / 1000, 0)
from (select queue, state, ready_at from mainspring.hot_runs where origin <> 'service' limit :bound) as waiting
where not exists (select 1 from mainspring.samples where at = {NOW} - {NOW} % 60000000 and queue = '')
group by queue;

insert into mainspring.samples (at, queue, ready, later, running, blocked, oldest_ms)
select {NOW} - {NOW} % 60000000, '', coalesce(sum(ready), 0), coalesce(sum(later), 0), coalesce(sum(running), 0),
       coalesce(sum(blocked), 0), coalesce(max(oldest_ms), 0)
from mainspring.samples where at = {NOW} - {NOW} % 60000000 and queue <> ''
having count(*) > 0 or (select ready + later + running + blocked from mainspring.samples where queue = '' order by at desc limit 1) > 0
on conflict do nothing returning at
