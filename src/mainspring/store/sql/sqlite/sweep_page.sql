-- One page of unfinished runs, by id, with what is wrong about each: it has a final record as well (ended), or it waits for nothing that
-- anybody could name (forgotten). Answers one row for the page at least, so that the way goes on: the last id of it.
with page as materialized (select id, task, state, reason, waits_for, gate from mainspring.hot_runs where id > :after order by id limit :n),
wrong as (
    select id, task, 'ended' as what from page where exists (select 1 from mainspring.history old where old.id = page.id)
    union all
    select id, task, 'forgotten' from page
    where state in (0, 1) and reason is null and waits_for is null and gate = 0
      and not exists (select 1 from mainspring.history old where old.id = page.id)
)
select wrong.id, wrong.task, wrong.what, last.id as last_id, last.n
from (select max(id) as id, count(*) as n from page) as last left join wrong on true
