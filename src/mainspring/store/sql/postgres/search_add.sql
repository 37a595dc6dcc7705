-- Note by what runs can be found; before they are added, so that none is there without.
insert into mainspring.run_search (name, value, run_id, task)
select name, value, run_id, task from json_to_recordset(:batch) as r(name text, value text, run_id uuid, task text)
order by name, value, run_id
on conflict do nothing
