-- Schedules by their names.
select * from mainspring.schedules where tenant = :tenant and name in (select value from json_each(:names)) order by name
