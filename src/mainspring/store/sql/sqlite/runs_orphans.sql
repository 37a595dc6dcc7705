-- Running runs whose node is dead or stopped, with how many run under it. (Cross join: the nodes first, each with its own runs.)
select run.id, run.claim_id, run.task, run.attempt, run.retries, run.max_retries, run.rescues, run.max_rescues, run.is_repeatable,
       run.suspicion, run.pool, node.id as node_id, node.running as node_running, count(*) over (partition by node.id) as together
from mainspring.nodes node cross join mainspring.hot_runs run on run.node_id = node.id and run.state = 4
where node.state in (3, 4)
limit :n
