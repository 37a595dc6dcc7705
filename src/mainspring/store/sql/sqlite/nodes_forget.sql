-- Forget dead and stopped nodes that hold nothing any more. Where they were stays for a hundred days, for views of old
-- runs; no longer, for a pulse a minute leaves a row each.
insert or ignore into mainspring.past_nodes (id, name, environment, ended_at)
select id, name, facts->>'environment', beat_at from mainspring.nodes
where state in (3, 4) and beat_at < {NOW} - cast(:older_ms * 1000 as integer)
  and not exists (select 1 from mainspring.hot_runs run where run.node_id = mainspring.nodes.id and run.state = 4);

delete from mainspring.past_nodes where ended_at < {NOW} - 100 * 86400000000;

delete from mainspring.nodes
where state in (3, 4) and beat_at < {NOW} - cast(:older_ms * 1000 as integer)
  and not exists (select 1 from mainspring.hot_runs run where run.node_id = mainspring.nodes.id and run.state = 4)
returning id
