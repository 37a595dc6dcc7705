-- The next tries by run and number.
select run_id, number, outcome, reason, node_id, started_at, finished_at, retry_at, fingerprint, error
from mainspring.attempts where (run_id, number) > (:after, :number) order by run_id, number limit :n
