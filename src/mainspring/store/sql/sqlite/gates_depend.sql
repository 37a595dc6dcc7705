-- Ask what due runs depend on: who goes, and who waits for which task. By pages of ids: those that wait are there the next time, too.
delete from temp.mainspring_gate;

delete from temp.mainspring_gate_need;

insert into temp.mainspring_gate (id, was)
select id, state from mainspring.hot_runs
where gate > 0 and gate = 2 and state = 2 and :has_new and id > :after and run_at <= {NOW}
union all
select id, state from mainspring.hot_runs
where gate > 0 and gate = 2 and state = 1 and id > :after and (:is_full or blocked_on in (select value from json_each(:tasks)))
order by 1 limit :n;

-- Each task that is needed: its run that was due last and has not ended, and the one that has, skipped ones left out. Ids tell only about
-- when: clocks of those who make them differ, so the database's decides among the newest hundred.
insert into temp.mainspring_gate_need (tenant, task, open_id, past_id)
select tenant, task,
       (select id from (
            select id, coalesce(run_at, created_at) as due from mainspring.hot_runs where state = 4 and task = asked.task and tenant = asked.tenant
            union all
            select id, coalesce(run_at, created_at) from mainspring.hot_runs where state = 1 and task = asked.task and tenant = asked.tenant
            union all
            select id, coalesce(run_at, created_at)
            from (select id, task, tenant, state, run_at, created_at, claim_seq from mainspring.hot_runs order by id desc limit :bound) as young
            where task = asked.task and tenant = asked.tenant
              and (state in (0, 3, 5) or state = 2 and (run_at <= {NOW} or claim_seq is not null)))
        order by due desc, id desc limit 1),
       (select id from (
            select id, coalesce(run_at, created_at) as due from mainspring.history
            where task = asked.task and tenant = asked.tenant and state <> 14 order by id desc limit 100)
        order by due desc, id desc limit 1)
from (select distinct run.tenant, need.value->>'task' as task
      from temp.mainspring_gate gate join mainspring.hot_runs run on run.id = gate.id join json_each(run.depends) need) asked;

update temp.mainspring_gate as given set (what, way) = (
    select task, way from (
        select need.key as ord, need.value->>'task' as task, coalesce(latest.open_id, latest.past_id) as way
        from mainspring.hot_runs run join json_each(run.depends) need
        join temp.mainspring_gate_need latest on latest.tenant = run.tenant and latest.task = need.value->>'task'
        left join mainspring.history past on past.id = latest.past_id
        left join mainspring.hot_runs open on open.id = latest.open_id
        left join mainspring.history awaited on awaited.id = run.blocked_by and run.blocked_on = need.value->>'task'
        where run.id = given.id
          and not case when need.value->>'is_next' then exists (
                           select 1 from (select state, finished_at from mainspring.history
                                          where task = need.value->>'task' and tenant = run.tenant order by id desc limit 100) as young
                           where state = 10 and finished_at > run.started_at)
                       else coalesce((open.id is null or coalesce(past.run_at, past.created_at) > coalesce(open.run_at, open.created_at)) and past.state = 10
                                     and (need.value->>'within_ms' is null or past.finished_at > {NOW} - need.value->>'within_ms' * 1000), 0) end
          -- the very run that was waited for has succeeded, whatever began since
          and not coalesce(awaited.state = 10 and (need.value->>'within_ms' is null or awaited.finished_at > {NOW} - need.value->>'within_ms' * 1000)
                           and (need.value->>'is_next' is null or awaited.finished_at > run.started_at), 0))
    order by ord limit 1);

insert into mainspring.events (run_id, seq, at, attempt, kind, data)
select run.id, run.seq + 1, {NOW}, run.attempt, case when what is null then 9 else 8 end,
       case when what is not null then json_patch('{}', json_object('reason', 'dependency', 'on', what, 'by', way)) end
from temp.mainspring_gate gate join mainspring.hot_runs run on run.id = gate.id
where what is null and was = 1 or what is not null and was = 2;

update mainspring.hot_runs as run
set gate = 0, state = case when coalesce(limit_queue, limit_task, limit_key) is null then 3 else 0 end,
    ready_at = case when coalesce(limit_queue, limit_task, limit_key) is null then {NOW} end,
    waits_for = coalesce(limit_queue, limit_task, limit_key),
    reason = case when coalesce(limit_queue, limit_task, limit_key) is not null then 'limit' end,
    blocked_by = null, blocked_on = null, seq = run.seq + (was = 1)
from temp.mainspring_gate given where what is null and run.id = given.id;

update temp.mainspring_gate set verdict = 'stays'
where what is not null and was = 1
  and exists (select 1 from mainspring.hot_runs run where run.id = mainspring_gate.id and blocked_on is what and blocked_by is way);

update mainspring.hot_runs as run
set state = 1, reason = 'dependency', blocked_on = what, blocked_by = way, seq = run.seq + (was = 2)
from temp.mainspring_gate given where what is not null and verdict is null and run.id = given.id;

select 'passed' as kind, run.id as name, queue, tenant, pool, priority, waits_for
from temp.mainspring_gate given join mainspring.hot_runs run on run.id = given.id where what is null
union all
select 'blocked', id, '', '', 0, 0, null from temp.mainspring_gate where what is not null and verdict is null
union all
select 'more', max(id), '', '', 0, 0, null from temp.mainspring_gate having count(*) >= :n
