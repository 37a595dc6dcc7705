-- Ask the overlap policies of some keys about the runs that are due: who goes, who waits, who is skipped, and who is to be cancelled. One
-- writer at a time: nobody makes a run active meanwhile. The answers are written down first, in tables of this connection.
delete from temp.mainspring_gate_said;

delete from temp.mainspring_gate;

insert into temp.mainspring_gate_said (key, policy, most, active, first)
select held.value, coalesce(choice.policy, newest.overlap, 4), case when choice.policy is null then newest.overlap_most else choice.most end,
       (select count(*) from mainspring.hot_runs
        where overlap_key = held.value and not (gate = 1 and state in (1, 2) and claim_seq is null)),
       (select id from mainspring.hot_runs
        where overlap_key = held.value and not (gate = 1 and state in (1, 2) and claim_seq is null) order by created_at, id limit 1)
from json_each(:keys) held
join mainspring.hot_runs newest on newest.id = (
    select id from mainspring.hot_runs
    where overlap_key = held.value and gate = 1 and state in (1, 2) and claim_seq is null order by id desc limit 1)
left join mainspring.task_overlaps choice on choice.task = newest.task;

insert into temp.mainspring_gate (id, key, was, way, verdict)
select id, key, state, case verdict when 'replaced' then last when 'pass' then null else coalesce(busy, first) end, verdict
from (
    select *, case policy
              when 1 then case when active + place = 1 then 'pass' when queued - (active = 0 and first_queues) <= patience then 'wait'
                               else 'previous_instance_running' end
              when 2 then case when active + place = 1 then 'pass' when place - (active = 0) <= coalesce(most, 1) then 'wait'
                               else 'overlap_queue_full' end
              when 3 then case when from_the_end > 1 then 'replaced' when active = 0 then 'pass' else 'wait' end
              else case when most is null or active + place <= most then 'pass' else 'previous_instance_running' end end as verdict
    from (
        select run.id, said.key, run.state, said.policy, said.most, said.active, said.first as busy,
               row_number() over (partition by said.key order by state, run_at, run.id) as place,
               row_number() over (partition by said.key order by run_at desc, run.id desc) as from_the_end,
               -- One that was to wait goes on waiting beside those that are to be skipped, unless an operator says otherwise.
               case when run.overlap = 2 and not exists (select 1 from mainspring.task_overlaps choice where choice.task = run.task)
                    then coalesce(run.overlap_most, 1) end as patience,
               sum(run.overlap = 2) over (partition by said.key order by state, run_at, run.id) as queued,
               first_value(run.overlap = 2) over (partition by said.key order by state, run_at, run.id) as first_queues,
               first_value(run.id) over (partition by said.key order by state, run_at, run.id) as first,
               first_value(run.id) over (partition by said.key order by run_at desc, run.id desc) as last
        from temp.mainspring_gate_said said
        join mainspring.hot_runs run on run.overlap_key = said.key
        where run.gate = 1 and run.claim_seq is null and (run.state = 1 or run.state = 2 and run.run_at <= {NOW})))
where case policy when 3 then from_the_end else place end <= :n;

insert into mainspring.events (run_id, seq, at, attempt, kind, data)
select run.id, run.seq + 1, {NOW}, run.attempt, case verdict when 'pass' then 9 else 8 end,
       case verdict when 'wait' then json_object('reason', 'overlap', 'by', way) end
from temp.mainspring_gate gate join mainspring.hot_runs run on run.id = gate.id
where verdict = 'pass' and was = 1 or verdict = 'wait' and was = 2;

update mainspring.hot_runs as run
set gate = case when depends is null then 0 else 2 end,
    state = case when depends is not null then 2 when coalesce(limit_queue, limit_task, limit_key) is null then 3 else 0 end,
    ready_at = case when depends is null and coalesce(limit_queue, limit_task, limit_key) is null then {NOW} end,
    waits_for = case when depends is null then coalesce(limit_queue, limit_task, limit_key) end,
    reason = case when depends is null and coalesce(limit_queue, limit_task, limit_key) is not null then 'limit' end,
    blocked_by = null, seq = run.seq + (was = 1)
from temp.mainspring_gate given where given.verdict = 'pass' and run.id = given.id;

update temp.mainspring_gate set verdict = 'stays'
where verdict = 'wait' and was = 1 and way is (select blocked_by from mainspring.hot_runs run where run.id = mainspring_gate.id);

update mainspring.hot_runs as run set state = 1, reason = 'overlap', blocked_by = way, seq = run.seq + (was = 2)
from temp.mainspring_gate given where given.verdict = 'wait' and run.id = given.id;

insert into mainspring.stats (bucket, task, state, shard, n, ran_ms, waited_ms)
select {NOW} - {NOW} % 60000000, task, 14, :shard, count(*), 0, 0
from temp.mainspring_gate given join mainspring.hot_runs run on run.id = given.id
where verdict not in ('pass', 'wait', 'stays') group by task
on conflict (bucket, task, state, shard) do update set n = n + excluded.n;

insert into mainspring.history (
    id, created_at, run_at, ready_at, started_at, finished_at, slot_at, node_id, retry_of, parent_id, schedule_id, seq, claim_seq,
    attempt, state, reason, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, key, label, origin, actor,
    params, progress, error, meta, blocked_by)
select run.id, created_at, run_at, ready_at, started_at, {NOW}, slot_at, node_id, retry_of, parent_id, schedule_id, seq + 1, claim_seq,
       attempt, 14, verdict, pool, priority, retries, max_retries, rescues, params_version, queue, tenant, task, run.key, label, origin, actor,
       params, progress, error, meta, way
from temp.mainspring_gate given join mainspring.hot_runs run on run.id = given.id
where verdict not in ('pass', 'wait', 'stays');

delete from mainspring.hot_runs where id in (select id from temp.mainspring_gate where verdict not in ('pass', 'wait', 'stays'));

select case when run.gate > 0 then 'asks' else 'passed' end as kind, run.id as name, queue, tenant, pool, priority, waits_for
from temp.mainspring_gate given join mainspring.hot_runs run on run.id = given.id where verdict = 'pass'
union all
select case verdict when 'wait' then 'blocked' else 'skipped' end, id, '', '', 0, 0, null
from temp.mainspring_gate where verdict not in ('pass', 'stays')
union all
select 'cancel', run.id, '', '', 0, 0, null
from temp.mainspring_gate_said said join mainspring.hot_runs run on run.overlap_key = said.key
where said.policy = 3 and said.active > 0 and not cancel_requested and ending is null and not (gate = 1 and state in (1, 2) and claim_seq is null)
  and said.key in (select key from temp.mainspring_gate)
union all
select 'more', key, '', '', 0, 0, null from temp.mainspring_gate group by key having count(*) >= :n
