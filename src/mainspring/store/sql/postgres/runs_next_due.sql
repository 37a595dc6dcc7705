-- Milliseconds until the next waiting run is due, from a watermark on, and the watermark for the next look: no row where none waits. A run
-- starts to wait before it is due, so that nothing but what was committed late lies behind the present; a second is left for the statements
-- that are under way.
select extract(epoch from run_at - {NOW}) * 1000 as ms, least(run_at, {NOW} - interval '1 second') as since
from mainspring.hot_runs where state = 2 and gate = 0 and run_at >= :since order by run_at limit 1
