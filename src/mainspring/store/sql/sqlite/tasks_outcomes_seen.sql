-- As tasks_outcomes, of those that a scope lets through: nothing is looked at past the latest :bound of each task.
select run.id, run.task, run.state, run.started_at, run.finished_at
from (select value as name from json_each(:tasks)) as wanted
join mainspring.history as run on run.id in (
    select id from (
        select id, task, tenant, actor from mainspring.history as own where own.task = wanted.name order by own.id desc limit :bound
    ) where {SEEN} order by id desc limit :n
)
order by run.task, run.id desc
