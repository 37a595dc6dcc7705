-- Runs that no live node can carry out, by task.
select task, count(*) as n, ({NOW} - min(created_at)) / 1000.0 as since_ms
from mainspring.hot_runs where state = 1 and reason = 'no capable node' and {SEEN} group by task order by task
