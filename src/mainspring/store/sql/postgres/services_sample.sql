-- Keep what probes have answered, and the latest answer with the instance, if it still runs.
with clock as materialized (select {CLOCK} as now),
given as materialized (
    select * from json_to_recordset(:batch) as r(
        name text, node text, run uuid, age_ms float8, is_ok boolean, ms float8, message text, memory bigint, cpu float8)
),
kept as (
    insert into mainspring.service_samples (name, node, run_id, at, is_ok, ms, message, memory, cpu)
    select name, node, run, now - age_ms * interval '1 millisecond', is_ok, ms, message, memory, cpu from given, clock order by age_ms desc
)
update mainspring.services service set is_healthy = latest.is_ok, probed_at = clock.now - latest.age_ms * interval '1 millisecond'
from clock, (select distinct on (name, node) * from given order by name, node, age_ms) as latest
where service.name = latest.name and service.node = latest.node and service.run_id = latest.run
