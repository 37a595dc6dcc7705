-- Finished runs by task and state since a time, from the kept statistics.
select task, state, sum(n) as n, sum(ran_ms) as ran_ms, sum(waited_ms) as waited_ms
from mainspring.stats where bucket >= :since group by task, state order by task, state
