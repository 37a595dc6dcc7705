-- Forget a service whole, unless something of it runs.
delete from mainspring.services
where name = :name and not exists (
    select 1 from mainspring.hot_runs run join mainspring.services other on run.id in (other.run_id, other.leaving_id) where other.name = :name)
returning node
