-- What the probes of a service have answered, the latest first.
select id, name, node, run_id, at, is_ok, ms, message, memory, cpu
from mainspring.service_samples where name = :name and node = :node and id < :before
order by id desc limit :n
