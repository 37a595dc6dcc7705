-- Every schedule, by name.
select * from mainspring.schedules order by name, tenant
