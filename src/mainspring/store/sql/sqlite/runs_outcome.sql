-- What was accepted from a node: first tries that succeeded are the run itself, all others left a row; and where those runs are now.
select id, state, attempt from mainspring.history
where id in (select value from json_each(:ids)) and node_id = :node
union
select run_id, coalesce((select state from mainspring.hot_runs where id = run_id), (select state from mainspring.history where id = run_id)), number
from mainspring.attempts
where run_id in (select value from json_each(:ids)) and node_id = :node
