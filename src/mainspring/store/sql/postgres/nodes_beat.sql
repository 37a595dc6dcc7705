-- Renew the lease: one row, however many runs it covers. Answers nothing where others have declared the node dead.
-- A backend that changes between beats stands behind a pooler: then it says nothing about the process, and is not kept.
with beaten as (
    update mainspring.nodes as node
    set beat_at = {CLOCK}, lease_until = {CLOCK} + :lease_ms::float8 * interval '1 millisecond', running = :running, state = :state,
        facts = coalesce(:facts, node.facts), vitals = coalesce(:vitals, node.vitals),
        backend_pid = case when :is_direct then pg_backend_pid() end,
        backend_start = case when :is_direct then (select backend_start from pg_stat_activity where pid = pg_backend_pid()) end
    where id = :id and state in (1, 2)
    returning id, command
)
select pg_backend_pid() as backend, array(select id::text from mainspring.hot_runs where node_id = :id and state = 4 and cancel_requested) as cancels,
       command, (select value from mainspring.modes where key = 'maintenance') as maintenance
from beaten
