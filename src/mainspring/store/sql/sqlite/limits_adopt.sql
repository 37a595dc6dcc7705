-- Give runs the keys that bind them: ready ones go into a list, running ones go on and count from now on.
delete from temp.mainspring_held;

insert into temp.mainspring_held (id)
select id from mainspring.hot_runs where id in (select value from json_each(:ids)) and state in (3, 4);

update mainspring.hot_runs
set limit_queue = coalesce(limit_queue, (select key from mainspring.limits where binds_queue = queue)),
    limit_task = coalesce(limit_task, (select key from mainspring.limits where binds_task = task))
where id in (select id from temp.mainspring_held);

update mainspring.hot_runs
set state = 0, ready_at = null, reason = 'limit', waits_for = coalesce(limit_queue, limit_task, limit_key)
where id in (select id from temp.mainspring_held) and state = 3 and coalesce(limit_queue, limit_task, limit_key) is not null;

select waits_for from mainspring.hot_runs where id in (select id from temp.mainspring_held)
