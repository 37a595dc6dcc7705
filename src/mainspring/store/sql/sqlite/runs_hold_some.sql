-- Take named runs out of the lanes, and out of the lists of limits, for a reason.
delete from temp.mainspring_held;

insert into temp.mainspring_held (id)
select id from mainspring.hot_runs
where id in (select value from json_each(:ids)) and (state = 3 or (state = 0 and waits_for is not null));

insert into mainspring.events (run_id, seq, at, attempt, kind, data)
select id, seq + 1, {NOW}, attempt, 8, json_object('reason', :reason) from mainspring.hot_runs where id in (select id from temp.mainspring_held);

update mainspring.hot_runs set state = 1, ready_at = null, waits_for = null, reason = :reason, seq = seq + 1
where id in (select id from temp.mainspring_held)
returning id
