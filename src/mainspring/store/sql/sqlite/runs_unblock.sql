-- Let runs go on that waited for a node with their task.
delete from temp.held;

insert into temp.held (id)
select id from mainspring.hot_runs
where state = 1 and reason = 'no capable node' and task in (select value from json_each(:tasks)) limit :n;

insert into mainspring.events (run_id, seq, at, attempt, kind)
select id, seq + 1, {NOW}, attempt, 9 from mainspring.hot_runs where id in (select id from temp.held);

update mainspring.hot_runs set state = 3, ready_at = {NOW}, reason = null, seq = seq + 1
where id in (select id from temp.held)
returning queue, tenant, pool, priority
