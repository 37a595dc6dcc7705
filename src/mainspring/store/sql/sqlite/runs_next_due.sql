-- Milliseconds until the next waiting run is due; no row where none waits.
select (run_at - {NOW}) / 1000.0 as ms from mainspring.hot_runs where state = 2 order by run_at limit 1
