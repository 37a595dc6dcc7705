-- The finished tries of a run, in order. A first try that succeeded has no row: it is the run itself.
select run_id, number, claim_seq, end_seq, outcome, reason, node_id, started_at, finished_at, retry_at, error
from mainspring.attempts where run_id = :id order by number
