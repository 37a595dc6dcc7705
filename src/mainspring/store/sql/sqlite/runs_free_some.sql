-- Let named runs go on that are held for a reason: they are ready, or wait for a limit now.
delete from temp.mainspring_held;

insert into temp.mainspring_held (id)
select id from mainspring.hot_runs where id in (select value from json_each(:ids)) and state = 1 and reason = :reason;

insert into mainspring.events (run_id, seq, at, attempt, kind)
select id, seq + 1, {NOW}, attempt, 9 from mainspring.hot_runs where id in (select id from temp.mainspring_held);

update mainspring.hot_runs
set state = case when coalesce(limit_queue, limit_task, limit_key) is null then 3 else 0 end,
    ready_at = case when coalesce(limit_queue, limit_task, limit_key) is null then {NOW} end,
    waits_for = coalesce(limit_queue, limit_task, limit_key),
    reason = case when coalesce(limit_queue, limit_task, limit_key) is not null then 'limit' end, seq = seq + 1
where id in (select id from temp.mainspring_held)
returning queue, tenant, pool, priority, waits_for
