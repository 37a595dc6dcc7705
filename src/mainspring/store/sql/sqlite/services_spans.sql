-- The latest starts of each of some services since a time: when each began and ended, and how. For a strip of when it was up.
select run.task, run.label, run.state, run.started_at, run.finished_at, run.created_at
from json_each(:names) as wanted join mainspring.history as run on run.id in (
    select id from mainspring.history where task = wanted.value and id >= :lowest and {SEEN} order by id desc limit :n)
union all
select task, label, state, started_at, null, created_at from mainspring.hot_runs
where task in (select value from json_each(:names)) and state = 4 and origin = 'service' and {SEEN}
order by 1, 4
