-- Drop finished runs past their time, with what belongs to them, oldest first.
delete from mainspring.events where run_id in (
    select id from mainspring.history where finished_at < {NOW} - :keep_ms * 1000 order by id limit :n);

delete from mainspring.attempts where run_id in (
    select id from mainspring.history where finished_at < {NOW} - :keep_ms * 1000 order by id limit :n);

delete from mainspring.history where id in (
    select id from mainspring.history where finished_at < {NOW} - :keep_ms * 1000 order by id limit :n)
returning id
