-- The latest starts of each of some services since a time: when each began and ended, and how. For a strip of when it was up.
select run.* from unnest(:names::text[]) as wanted(name)
cross join lateral (
    (select task, label, state, started_at, finished_at, created_at from mainspring.history
     where task = wanted.name and id >= :lowest::uuid and {SEEN} order by id desc limit :n)
    union all
    (select task, label, state, started_at, null, created_at from mainspring.hot_runs
     where task = wanted.name and state = 4 and origin = 'service' and {SEEN} limit :n)
) as run
order by run.task, coalesce(run.started_at, run.created_at)
