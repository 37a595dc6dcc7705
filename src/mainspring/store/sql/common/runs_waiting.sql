-- Unfinished runs by queue and state; each count stops at a bound, for nobody should wait for an exact large number.
select queue, state, count(*) as n, min(ready_at) as oldest_at
from (select queue, state, ready_at, tenant, actor, task from mainspring.hot_runs limit :bound) as counted
where {SEEN} group by queue, state order by queue, state
