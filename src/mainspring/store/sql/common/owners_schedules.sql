-- Schedules of somebody.
select * from mainspring.schedules where owner = :name and owner is not null order by name
