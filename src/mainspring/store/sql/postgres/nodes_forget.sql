-- Forget dead and stopped nodes that hold nothing any more.
delete from mainspring.nodes
where state in (3, 4) and beat_at < {NOW} - :older_ms::float8 * interval '1 millisecond'
  and not exists (select 1 from mainspring.hot_runs where node_id = nodes.id and hot_runs.state = 4)
returning id
