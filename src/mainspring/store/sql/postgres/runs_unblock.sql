-- Let runs go on that waited for a node with their task.
with freed as (
    update mainspring.hot_runs set state = 3, ready_at = {CLOCK}, reason = null, seq = seq + 1
    where id = any(array(
        select id from mainspring.hot_runs where state = 1 and reason = 'no capable node' and task = any(:tasks::text[])
        limit :n for update skip locked))
    returning id, seq, attempt, queue, tenant, pool, priority
),
told as (
    insert into mainspring.events (run_id, seq, at, attempt, kind) select id, seq, {CLOCK}, attempt, 9 from freed
)
select queue, tenant, pool, priority from freed
