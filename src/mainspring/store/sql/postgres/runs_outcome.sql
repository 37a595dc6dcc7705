-- What was accepted from a node: runs that it has finished, and tries of its that were followed by something else.
select id, state, attempt from mainspring.history
where id = any(:ids::uuid[]) and id between :lowest::uuid and :highest::uuid and node_id = :node
union all
select run.id, run.state, try.number from mainspring.attempts try join mainspring.hot_runs run on run.id = try.run_id
where try.run_id = any(:ids::uuid[]) and try.run_id between :lowest::uuid and :highest::uuid and try.node_id = :node
