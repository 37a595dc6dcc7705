-- The next kept events by run and number.
select run_id, seq, at, attempt, kind, data from mainspring.events where (run_id, seq) > (:after, :seq) order by run_id, seq limit :n
