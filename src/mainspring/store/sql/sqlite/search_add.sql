-- Note by what runs can be found; before they are added, so that none is there without.
insert into mainspring.run_search (name, value, run_id, task)
select value->>'name', value->>'value', value->>'run_id', value->>'task' from json_each(:batch)
where true
on conflict do nothing
