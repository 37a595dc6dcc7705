-- What a supervisor has to know of the instances that may be its business: the fleet's, and its own node's.
select service.name, service.node, service.state, service.is_wanted, service.is_enabled, service.code_enabled, service.version, service.fence,
       service.run_id, service.node_id, service.leaving_id, service.restart_of, service.crashes, service.next_start_at, service.started_at,
       run.state as run_state, run.claim_id, past.state as past_state, past.reason as past_reason, past.error as past_error,
       holder.state as holder_state, holder.lease_until as holder_until, leaving.state as leaving_state, {NOW} as now
from mainspring.services service
left join mainspring.hot_runs run on run.id = service.run_id
left join mainspring.history past on past.id = service.run_id
left join mainspring.hot_runs leaving on leaving.id = service.leaving_id
left join mainspring.nodes holder on holder.id = service.node_id
where service.node in ('', :node)
order by service.name, service.node
