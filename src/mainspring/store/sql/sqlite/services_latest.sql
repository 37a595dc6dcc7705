-- The two latest answers of the probe of every instance.
select sample.id, sample.name, sample.node, sample.run_id, sample.at, sample.is_ok, sample.ms, sample.message, sample.memory, sample.cpu
from mainspring.services as service join mainspring.service_samples as sample on sample.id in (
    select id from mainspring.service_samples where name = service.name and node = service.node order by id desc limit 2)
order by sample.name, sample.node, sample.id desc
