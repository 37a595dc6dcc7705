-- Which database a connection leads to, the same for every connection to it as long as its server runs, and whether our tables are there.
select current_database() || '@' || extract(epoch from pg_postmaster_start_time()) as identity,
       to_regclass('mainspring.hot_runs') is not null as has_tables
