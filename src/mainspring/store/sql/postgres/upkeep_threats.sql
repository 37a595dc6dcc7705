-- What slows the queue down from outside: open transactions and idle replication slots hold vacuum back, dead rows slow every claim.
select (select max(extract(epoch from {CLOCK} - xact_start)) from pg_stat_activity where pid <> pg_backend_pid()) as oldest_transaction,
       (select count(*) from pg_replication_slots where not active) as idle_slots,
       pg_stat_get_dead_tuples('mainspring.hot_runs'::regclass) as dead_rows,
       pg_stat_get_live_tuples('mainspring.hot_runs'::regclass) as live_rows
