-- The tries in which an error occurred, the latest runs first.
select run_id, number, outcome, reason, node_id, finished_at from mainspring.attempts
where fingerprint = :fingerprint and run_id < :before order by run_id desc, number desc limit :n
