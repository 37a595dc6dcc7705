-- The latest finished runs of some tasks, newest first for each: their ids come from the index of tasks alone.
select run.id, run.task, run.state, run.started_at, run.finished_at
from (select value as name from json_each(:tasks)) as wanted
join mainspring.history as run on run.id in (select id from mainspring.history as own where own.task = wanted.name order by own.id desc limit :n)
order by run.task, run.id desc
