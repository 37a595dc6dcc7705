-- Note anew by what a run can be found whose parameters were replaced.
with old as (
    delete from mainspring.run_search
    where run_id = :run_id::uuid
      and not exists (select from json_to_recordset(:batch) as r(name text, value text) where r.name = run_search.name and r.value = run_search.value)
)
insert into mainspring.run_search (name, value, run_id, task)
select name, value, run_id, task from json_to_recordset(:batch) as r(name text, value text, run_id uuid, task text)
on conflict do nothing
