-- Running runs that are past the time their node had for them, even where it still breathes.
select id, claim_id, task, attempt, retries, max_retries, rescues, max_rescues, is_repeatable, suspicion, pool, node_id
from mainspring.hot_runs where state = 4 and attempt_until < {NOW}
limit :n
