-- The latest runs of each of some schedules, for a strip: one that goes on as well.
select run.id, run.schedule_id, run.state, run.reason, coalesce(run.slot_at, run.created_at) as at
from json_each(:ids) as wanted join mainspring.history as run on run.id in (
    select id from mainspring.history where schedule_id = wanted.value and {SEEN} order by id desc limit :n)
union all
select run.id, run.schedule_id, run.state, run.reason, coalesce(run.slot_at, run.created_at)
from json_each(:ids) as wanted join mainspring.hot_runs as run on run.id in (
    select id from mainspring.hot_runs where schedule_id = wanted.value and state = 4 and {SEEN} order by id desc limit :n)
order by 2, 1
