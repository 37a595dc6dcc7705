-- Finished runs by span of :width seconds and state since a time, from the kept statistics; those of some tasks are left out.
select bucket - bucket % cast(:width * 1000000 as integer) as at, state, sum(n) as n
from mainspring.stats
where bucket >= :since and (:task is null or task = :task) and task not in (select value from json_each(:besides))
group by 1, 2 order by 1, 2
