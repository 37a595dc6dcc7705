-- Schedules by their names.
select * from mainspring.schedules where tenant = :tenant and name = any(:names::text[]) order by name
