-- Unfinished runs of somebody that have not begun or are held, past an id, by their index.
select id, task, tenant, state, reason, waits_for from mainspring.hot_runs
where actor = :name and actor is not null and origin <> 'cli' and state in (0, 1, 2, 3) and id > :after order by id limit :n
