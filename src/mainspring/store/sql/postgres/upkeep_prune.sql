-- Drop finished runs past their time that lie outside of days (their day had no partition, or it fell before they finished), with what
-- belongs to them.
with old as materialized (
    select id from mainspring.history_rest where finished_at < {NOW} - :keep_ms::float8 * interval '1 millisecond' limit :n
),
without_events as (delete from mainspring.events_rest where run_id = any(array(select id from old))),
without_attempts as (delete from mainspring.attempts_rest where run_id = any(array(select id from old)))
delete from mainspring.history_rest where id = any(array(select id from old))
returning id
