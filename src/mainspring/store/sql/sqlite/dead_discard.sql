-- Give failed runs up; those that were given up already stay as they are. Answers the ids.
insert into mainspring.discarded_runs (run_id, at, actor, reason)
select id, {CLOCK}, cast(:actor as text), cast(:reason as text) from mainspring.history where id in (select value from json_each(:ids)) and state in (11, 12)
on conflict (run_id) do nothing
returning run_id
