-- How tries under a node have ended: first ones that succeeded are the run itself, all others left a row; and where those runs are now.
select id, state, attempt, 10 as outcome from mainspring.history
where id = any(:ids::uuid[]) and id between :lowest::uuid and :highest::uuid and node_id = :node and state = 10
union
select run_id, coalesce((select state from mainspring.hot_runs where id = run_id), (select state from mainspring.history where id = run_id)), number, outcome
from mainspring.attempts
where run_id = any(:ids::uuid[]) and run_id between :lowest::uuid and :highest::uuid and node_id = :node
