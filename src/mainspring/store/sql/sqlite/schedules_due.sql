-- Schedules that are due up to a time, the longest due first.
select * from mainspring.schedules
where next_at <= :until and id not in (select value from json_each(:others)) order by next_at, id limit :n
