-- Schedules that are due up to a time, the longest due first.
select * from mainspring.schedules
where next_at <= :until::timestamptz and id <> all(:others::bigint[]) order by next_at, id limit :n
