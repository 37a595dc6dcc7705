-- Dead rows in the hot table, as the statistics know them.
select pg_stat_get_dead_tuples('mainspring.hot_runs'::regclass) as dead
