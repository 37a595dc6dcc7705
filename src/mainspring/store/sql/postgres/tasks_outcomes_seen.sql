-- As tasks_outcomes, of those that a scope lets through: nothing is looked at past the latest :bound of each task.
select run.id, run.task, run.state, run.started_at, run.finished_at
from unnest(:tasks::text[]) as wanted (name)
cross join lateral (
    select * from (
        select id, task, tenant, actor, state, started_at, finished_at from mainspring.history where task = wanted.name
        order by id desc limit :bound::bigint
    ) as own where {SEEN} order by id desc limit :n::bigint
) as run
order by run.task, run.id desc
