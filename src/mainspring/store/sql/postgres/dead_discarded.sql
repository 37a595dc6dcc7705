-- Which of these runs were given up.
select run_id from mainspring.discarded_runs where run_id = any(:ids::uuid[])
