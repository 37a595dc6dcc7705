-- Pin a run, wherever it is; answers nothing where it is pinned already or does not exist.
insert into mainspring.kept (run_id, at, actor, reason)
select id, {NOW}, cast(:actor as text), cast(:reason as text) from (
    select id from mainspring.hot_runs where id = :id union all select id from mainspring.history where id = :id) as found
where true
on conflict (run_id) do nothing
returning run_id
