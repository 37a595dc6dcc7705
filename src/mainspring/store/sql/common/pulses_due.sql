-- What is due and has not begun, alike by alike; each kind is counted up to a bound. What waits for a limit, or behind its gate, is listed as
-- such.
select kind, task, queue, timeout_ms, count(*) as runs, max(is_paused) as is_paused
from (
    select 'ready' as kind, task, queue, timeout_ms,
           case when queue in (select name from mainspring.queues where paused_at is not null) then 1 else 0 end as is_paused
    from (select task, queue, timeout_ms from mainspring.hot_runs where state = 3 limit :most) ready
    union all
    select 'due', task, queue, timeout_ms, case when queue in (select name from mainspring.queues where paused_at is not null) then 1 else 0 end
    from (select task, queue, timeout_ms from mainspring.hot_runs where state = 2 and run_at <= {NOW} limit :most) due
    union all
    select 'waits', task, queue, timeout_ms, 0
    from (select task, queue, timeout_ms from mainspring.hot_runs where state = 0 and waits_for is not null limit :most) waits
    union all
    select 'waits', task, queue, timeout_ms, 0
    from (select task, queue, timeout_ms from mainspring.hot_runs where state = 1 and gate > 0 limit :most) gated
) found
group by kind, task, queue, timeout_ms
order by kind, task, queue, timeout_ms
