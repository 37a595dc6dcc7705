-- Milliseconds until the next waiting run is due, from a watermark on, and the watermark for the next look; no row where none waits.
select (run_at - {NOW}) / 1000.0 as ms, min(run_at, {NOW} - 1000000) as since
from mainspring.hot_runs where state = 2 and gate = 0 and run_at >= :since order by run_at limit 1
