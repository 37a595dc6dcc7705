-- Write down what this node's code says. Keys that are its to name and that it names no more say nothing; other keys stay as they are.
with given as materialized (
    select * from json_to_recordset(:batch) as r(key text, code text, binds_task text)
),
named as (
    insert into mainspring.limits as held (key, code, binds_task, created_at, changed_at)
    select key, code, binds_task, {NOW}, {NOW} from given where code is not null order by key
    on conflict (key) do update set code = excluded.code, binds_task = excluded.binds_task
    where held.code is distinct from excluded.code
       or held.binds_task is distinct from excluded.binds_task
    returning key
),
silent as (
    update mainspring.limits set code = null, binds_task = case when override is not null then binds_task end
    where key in (select key from mainspring.limits where key = any(array(select key from given where given.code is null)) and code is not null
                  order by key for update)
    returning key
)
select key from named union all select key from silent
