-- The latest runs of each of some schedules, for a strip: one that goes on as well.
select run.* from unnest(:ids::bigint[]) as wanted(id)
cross join lateral (
    select * from (
        (select id, schedule_id, state, reason, coalesce(slot_at, created_at) as at from mainspring.history
         where schedule_id = wanted.id and {SEEN} order by id desc limit :n)
        union all
        (select id, schedule_id, state, reason, coalesce(slot_at, created_at) as at from mainspring.hot_runs
         where schedule_id = wanted.id and state = 4 and {SEEN} order by id desc limit :n)
    ) as latest order by id desc limit :n
) as run
order by run.schedule_id, run.id
