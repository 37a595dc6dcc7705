-- Forget instances of nodes that nobody remembers, or of a service that the fleet has one of now, once nothing of them runs.
delete from mainspring.services
where node <> '' and declared_at < :before
  and (node not in (select name from mainspring.nodes)
       or exists (select 1 from mainspring.services every where every.name = mainspring.services.name and every.node = '' and every.instances = 1))
  and not exists (select 1 from mainspring.hot_runs where id = mainspring.services.run_id)
returning name, node
