-- Forget dead and stopped nodes that hold nothing any more. Where they were stays for a hundred days, for views of old
-- runs; no longer, for a pulse a minute leaves a row each.
with gone as (
    delete from mainspring.nodes
    where state in (3, 4) and beat_at < {NOW} - :older_ms::float8 * interval '1 millisecond'
      and not exists (select 1 from mainspring.hot_runs where node_id = nodes.id and hot_runs.state = 4)
    returning id, name, facts, beat_at
),
kept as (
    insert into mainspring.past_nodes (id, name, environment, ended_at)
    select id, name, facts::json->>'environment', beat_at from gone on conflict do nothing
),
old as (
    delete from mainspring.past_nodes where ended_at < {NOW} - interval '100 days'
)
select id from gone
