-- Renew the lease: one row, however many runs it covers. Answers nothing where others have declared the node dead.
update mainspring.nodes
set beat_at = {NOW}, lease_until = {NOW} + cast(:lease_ms * 1000 as integer), running = :running, state = :state, facts = coalesce(:facts, facts),
    vitals = coalesce(:vitals, vitals)
where id = :id and state in (1, 2);

select 0 as backend, (select json_group_array(id) from mainspring.hot_runs where node_id = :id and state = 4 and cancel_requested = 1) as cancels,
       command, (select value from mainspring.modes where key = 'maintenance') as maintenance
from mainspring.nodes where id = :id and state in (1, 2)
