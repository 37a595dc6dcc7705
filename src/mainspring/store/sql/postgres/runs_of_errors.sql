-- Runs of which a try has ended with one of some errors, newest first, below an id: of each error no more than are asked for.
select distinct found.id from unnest(:fingerprints::text[]) as asked(fingerprint)
cross join lateral (
    select distinct run_id as id from mainspring.attempts
    where attempts.fingerprint = asked.fingerprint and run_id < :before order by run_id desc limit :n) as found
order by found.id desc limit :n
