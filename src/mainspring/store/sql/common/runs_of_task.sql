-- Unfinished runs of one task by state. Running and blocked ones have indexes of their own and are counted all; of the others the first
-- :bound are looked at, for nobody should wait for an exact large number.
select state, count(*) as n from mainspring.hot_runs where state = 4 and task = :task and {SEEN} group by state
union all
select state, count(*) as n from mainspring.hot_runs where state = 1 and task = :task and {SEEN} group by state
union all
select state, count(*) as n
from (select state, task, tenant, actor from mainspring.hot_runs where state not in (1, 4) limit :bound) as counted where task = :task and {SEEN} group by state
