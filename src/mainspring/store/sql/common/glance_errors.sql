-- Errors, the latest first, for shell completion.
select fingerprint, min(task) as task from mainspring.errors group by fingerprint order by max(last_at) desc limit 30
