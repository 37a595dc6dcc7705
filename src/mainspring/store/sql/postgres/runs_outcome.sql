-- What was accepted from a node: first tries that succeeded are the run itself, all others left a row; and where those runs are now.
select id, state, attempt from mainspring.history
where id = any(:ids::uuid[]) and id between :lowest::uuid and :highest::uuid and node_id = :node
union
select try.run_id, coalesce(run.state, past.state), try.number
from mainspring.attempts try
left join mainspring.hot_runs run on run.id = try.run_id
left join mainspring.history past on past.id = try.run_id and past.id between :lowest::uuid and :highest::uuid
where try.run_id = any(:ids::uuid[]) and try.run_id between :lowest::uuid and :highest::uuid and try.node_id = :node
