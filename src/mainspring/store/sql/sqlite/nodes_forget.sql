-- Forget dead and stopped nodes that hold nothing any more.
delete from mainspring.nodes
where state in (3, 4) and beat_at < {NOW} - cast(:older_ms * 1000 as integer)
  and not exists (select 1 from mainspring.hot_runs run where run.node_id = mainspring.nodes.id and run.state = 4)
returning id
