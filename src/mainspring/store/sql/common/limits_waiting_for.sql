-- The list in which a run waits, and how many stand before it there, up to a bound.
select run.waits_for as key,
       (select count(*) from (
            select 1 from mainspring.hot_runs other
            where other.state = 0 and other.waits_for = run.waits_for
              and (other.priority, other.created_at, other.id) < (run.priority, run.created_at, run.id)
            limit :bound) as ahead) as ahead
from mainspring.hot_runs run where run.id = :id and run.state + 0 = 0 and run.waits_for is not null
