-- Every instance as people are told of it, with whether its run is in a node's hands.
select service.*, case when run.state = 4 then 1 else 0 end as runs, holder.name as holder_name
from mainspring.services service
left join mainspring.hot_runs run on run.id = service.run_id
left join mainspring.nodes holder on holder.id = service.node_id
where service.name > :after and (:name = '' or service.name = :name)
order by service.name, service.node
