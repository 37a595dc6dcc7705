-- Pulses below an id, the latest first, and the clock by which their times were written.
select id, source, node_id, started_at, finished_at, budget_ms, is_ok, fired, executed, succeeded, failed, given_back, remaining, deferred,
       error, {NOW} as now
from mainspring.pulses where id < :before order by id desc limit :n
