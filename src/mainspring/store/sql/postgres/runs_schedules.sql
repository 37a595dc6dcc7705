-- What the schedules of some runs are called.
select id, name from mainspring.schedules where id = any(:ids::bigint[])
