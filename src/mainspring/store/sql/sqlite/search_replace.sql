-- Note anew by what a run can be found whose parameters were replaced.
delete from mainspring.run_search where run_id = :run_id;

insert into mainspring.run_search (name, value, run_id, task)
select value->>'name', value->>'value', value->>'run_id', value->>'task' from json_each(:batch)
where true
on conflict do nothing
