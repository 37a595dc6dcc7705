-- As limits_waiting_for, for somebody who does not see everything: of those before the run and of those that go only what is seen counts.
select run.waits_for as key,
       (select count(*) from (
            select 1 from mainspring.hot_runs
            where state = 0 and waits_for = run.waits_for and (priority, created_at, id) < (run.priority, run.created_at, run.id) and {SEEN}
            limit :bound) as ahead) as ahead,
       (select count(*) from (
            select 1 from mainspring.hot_runs where limit_queue = run.waits_for and limit_queue is not null and state in (3, 4) and {SEEN}
            union all
            select 1 from mainspring.hot_runs where limit_task = run.waits_for and limit_task is not null and state in (3, 4) and {SEEN}
            union all
            select 1 from mainspring.hot_runs where limit_key = run.waits_for and limit_key is not null and state in (3, 4) and {SEEN}
            limit :bound) as going) as going
from (select id as run_id, waits_for, priority, created_at, id from mainspring.hot_runs
      where id = :id and state + 0 = 0 and waits_for is not null) run
