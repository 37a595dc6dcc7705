-- Give the key of their task to runs that do not carry one, for tasks whose policy an operator has set: what has begun counts from then on,
-- what has not is asked. Among the newest :bound; those that others are writing now come the next time.
with young as materialized (
    select id from (select id, task, overlap_key from mainspring.hot_runs order by id desc limit :bound) as newest
    where overlap_key is null and task = any(array(select task from mainspring.task_overlaps where policy <> 4 or most is not null)) limit :n
),
found as materialized (
    select id, claim_seq is null and (state in (2, 3) or state = 0 and waits_for is not null) as is_new
    from mainspring.hot_runs where id = any(array(select id from young)) and overlap_key is null order by id for update skip locked
)
update mainspring.hot_runs run
set overlap_key = task || '/' || replace(tenant, '/', '//'),
    gate = case when is_new then 1 else gate end,
    state = case when is_new then 2 else state end,
    run_at = case when is_new then coalesce(run_at, {CLOCK}) else run_at end,
    ready_at = case when is_new then null else ready_at end,
    waits_for = case when is_new then null else waits_for end,
    reason = case when is_new then null else reason end
from found where run.id = found.id and run.id = any(array(select id from found))
returning run.id
