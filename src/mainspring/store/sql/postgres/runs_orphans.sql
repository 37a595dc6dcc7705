-- Running runs whose node is dead or stopped, with how many run under it. Read node by node, each by its own index condition: nobody walks the
-- graveyard of the nodes that live, however long somebody holds a snapshot.
select run.id, run.claim_id, run.task, run.attempt, run.retries, run.max_retries, run.rescues, run.max_rescues, run.is_repeatable,
       run.suspicion, run.pool, node.id as node_id, node.running as node_running, count(*) over (partition by node.id) as together
from mainspring.nodes node
cross join lateral (select * from mainspring.hot_runs where node_id = node.id and state = 4 limit :n) as run
where node.state in (3, 4)
limit :n
