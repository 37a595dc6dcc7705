-- The two latest answers of the probe of every instance.
select sample.* from mainspring.services service
cross join lateral (
    select id, name, node, run_id, at, is_ok, ms, message, memory, cpu from mainspring.service_samples
    where name = service.name and node = service.node order by id desc limit 2
) as sample
order by sample.name, sample.node, sample.id desc
