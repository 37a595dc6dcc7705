-- What was accepted from a node: first tries that succeeded are the run itself, all others left a row; and where those runs are now.
select id, state, attempt from mainspring.history
where id = any(:ids::uuid[]) and id between :lowest::uuid and :highest::uuid and node_id = :node
union
select run_id, coalesce((select state from mainspring.hot_runs where id = run_id), (select state from mainspring.history where id = run_id)), number
from mainspring.attempts
where run_id = any(:ids::uuid[]) and run_id between :lowest::uuid and :highest::uuid and node_id = :node
