-- Schedules in the order of their names, past one.
select * from mainspring.schedules
where (name, tenant) > (:after, :after_tenant) and (:task is null or task = :task) and (:tenant is null or tenant = :tenant)
order by name, tenant limit :n
