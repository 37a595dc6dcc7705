-- The next unfinished runs by id that no node has in hand, with what they would be called with.
select id, task, params, params_version
from mainspring.hot_runs
where id > :after and state in (0, 1, 2, 3, 5)
order by id limit :n
