-- Let retention have a run again.
delete from mainspring.kept where run_id = :id
returning run_id
