-- Start an instance under a living node: one compare-and-set, so that of any number of nodes one gets it. Its run is running from its first
-- moment, and nothing begins while the run before it goes on, but for a successor of one that is leaving.
update mainspring.services as service
set state = :state, run_id = :run, node_id = :owner, fence = fence + 1, starts = starts + 1, version = version + 1, restart_of = null, reason = null,
    leaving_id = case when :succeeds and :state = 1 then case when exists (select 1 from mainspring.hot_runs where id = service.leaving_id and state = 4) then leaving_id else run_id end end,
    started_at = {NOW}, ready_at = case when :state = 2 then {NOW} end, ended_at = null, next_start_at = null, is_healthy = null, probed_at = null
where name = :name and node = :node and version = :version and is_wanted
  and exists (select 1 from mainspring.nodes where id = :owner and state = 1)
  and (:succeeds or not exists (select 1 from mainspring.hot_runs where id in (service.run_id, service.leaving_id) and state = 4))
  and (:succeeds or not exists (select 1 from mainspring.nodes holder where holder.id = service.node_id and holder.state = 3 and holder.lease_until >= {NOW}));

insert into mainspring.hot_runs (
    id, created_at, ready_at, started_at, claim_id, node_id, seq, claim_seq, attempt, state, pool, priority, max_retries, max_rescues,
    is_repeatable, queue, task, origin, label, params)
select run_id, started_at, started_at, started_at, :claim, :owner, 3, 2, 1, 4, 7, :priority, 0, 1, 0, :queue, :name, 'service', :label, '{}'
from mainspring.services where name = :name and node = :node and run_id = :run;

select fence from mainspring.services where name = :name and node = :node and run_id = :run
