-- Give the key of their task to runs that do not carry one, for tasks whose policy an operator has set: what has begun counts from then on,
-- what has not is asked. Among the newest :bound.
delete from temp.mainspring_gate;

insert into temp.mainspring_gate (id, was)
select id, claim_seq is null and (state in (2, 3) or state = 0 and waits_for is not null)
from (select id, task, overlap_key, claim_seq, state, waits_for from mainspring.hot_runs order by id desc limit :bound) as newest
where overlap_key is null and task in (select task from mainspring.task_overlaps where policy <> 4 or most is not null) limit :n;

update mainspring.hot_runs as run
set overlap_key = task || '/' || replace(tenant, '/', '//'),
    gate = case when was then 1 else gate end,
    state = case when was then 2 else state end,
    run_at = case when was then coalesce(run_at, {NOW}) else run_at end,
    ready_at = case when was then null else ready_at end,
    waits_for = case when was then null else waits_for end,
    reason = case when was then null else reason end
from temp.mainspring_gate given where run.id = given.id
returning id
