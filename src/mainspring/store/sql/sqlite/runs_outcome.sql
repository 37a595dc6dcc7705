-- What was accepted from a node: runs that it has finished, and tries of its that were followed by something else.
select id, state, attempt from mainspring.history
where id in (select value from json_each(:ids)) and node_id = :node
union all
select run.id, run.state, try.number from mainspring.attempts try join mainspring.hot_runs run on run.id = try.run_id
where try.run_id in (select value from json_each(:ids)) and try.node_id = :node
