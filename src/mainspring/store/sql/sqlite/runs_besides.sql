-- What running runs have besides what a claim answers: for rollbacks, tasks with hooks, and traces. (state + 0: see runs_take)
select id, ending, error, meta, key, origin, schedule_id, slot_at, actor
from mainspring.hot_runs where id in (select value from json_each(:ids)) and state + 0 = 4
