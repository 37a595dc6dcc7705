-- Write down what this node's code says. Keys that are its to name and that it names no more say nothing; other keys stay as they are.
insert into mainspring.limits (key, code, binds_task, created_at, changed_at)
select value->>'key', value->>'code', value->>'binds_task', {NOW}, {NOW} from json_each(:batch)
where value->>'code' is not null
on conflict (key) do update set code = excluded.code, binds_task = excluded.binds_task
where code is not excluded.code or binds_task is not excluded.binds_task;

update mainspring.limits set code = null, binds_task = case when override is not null then binds_task end
where code is not null and key in (select value->>'key' from json_each(:batch) where value->>'code' is null);

select value->>'key' as key from json_each(:batch) where value->>'code' is not null
