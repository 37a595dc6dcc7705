-- Running runs whose node is dead, stopped or unknown, with how many runs that node held.
select run.id, run.claim_id, run.task, run.attempt, run.retries, run.max_retries, run.rescues, run.max_rescues, run.is_repeatable,
       run.suspicion, run.node_id, coalesce(node.running, 0) as node_running,
       (select count(*) from mainspring.hot_runs other where other.node_id = run.node_id and other.state = 4) as together
from mainspring.hot_runs run left join mainspring.nodes node on node.id = run.node_id
where run.state = 4 and (node.id is null or node.state in (3, 4))
limit :n
