-- Kept events of a run past a sequence number.
select run_id, seq, at, attempt, kind, data from mainspring.events where run_id = :id and seq > :after order by seq limit :n
