-- Keep what probes have answered, and the latest answer with the instance, if it still runs.
insert into mainspring.service_samples (name, node, run_id, at, is_ok, ms, message, memory, cpu)
select value->>'name', value->>'node', value->>'run', {NOW} - cast(value->>'age_ms' * 1000 as integer), value->>'is_ok',
       cast(value->>'ms' as real), value->>'message', value->>'memory', cast(value->>'cpu' as real)
from json_each(:batch) order by value->>'age_ms' desc;

update mainspring.services as service set is_healthy = latest.is_ok, probed_at = latest.at
from (select value->>'name' as name, value->>'node' as node, value->>'run' as run, value->>'is_ok' as is_ok,
             {NOW} - cast(min(value->>'age_ms') * 1000 as integer) as at
      from json_each(:batch) group by 1, 2, 3) as latest
where service.name = latest.name and service.node = latest.node and service.run_id = latest.run
