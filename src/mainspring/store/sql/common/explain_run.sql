-- What only the store knows about an unfinished run.
select state, waits_for, limit_queue, limit_task, limit_key, deadline_at, attempt_until, gate from mainspring.hot_runs where id = :id
