-- The latest finished runs of some tasks, newest first for each, by the index of tasks.
select run.id, run.task, run.state, run.started_at, run.finished_at
from unnest(:tasks::text[]) as wanted (name)
cross join lateral (
    select id, task, state, started_at, finished_at from mainspring.history where task = wanted.name order by id desc limit :n::bigint
) as run
order by run.task, run.id desc
