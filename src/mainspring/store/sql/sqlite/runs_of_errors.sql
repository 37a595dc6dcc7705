-- Runs of which a try has ended with one of some errors, newest first, below an id.
select distinct run_id as id from mainspring.attempts
where fingerprint in (select value from json_each(:fingerprints)) and fingerprint is not null and run_id < :before
order by run_id desc limit :n
