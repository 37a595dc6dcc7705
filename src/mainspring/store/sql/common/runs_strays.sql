-- Running runs of nodes that nobody remembers. Walks over all that runs or ran lately, so it is asked rarely.
select run.id, run.claim_id, run.task, run.attempt, run.retries, run.max_retries, run.rescues, run.max_rescues, run.is_repeatable,
       run.suspicion, run.pool, run.node_id, 0 as node_running, count(*) over (partition by run.node_id) as together
from mainspring.hot_runs run
where run.state = 4 and not exists (select 1 from mainspring.nodes node where node.id = run.node_id)
limit :n
