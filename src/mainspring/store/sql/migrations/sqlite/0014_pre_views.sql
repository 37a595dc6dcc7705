-- Views for people who query by hand, under the names of the task system that they know. Status and priority are upper-case words there,
-- and what a schedule runs is called a cron task, what is supervised a side task. Times are texts in UTC. Each is there twice: beside our
-- other tables, and under its plain name unless something of yours in this file has that.

create table mainspring.past_nodes (                 -- where nodes were that are forgotten; their runs still name them
    id          text    not null primary key,
    name        text    not null,
    environment text,
    ended_at    integer not null
) strict;
create index mainspring.past_nodes_ended on mainspring.past_nodes (ended_at);

create view mainspring.cron_tasks as
select printf('00000000-0000-8000-8000-%012x', schedule.id) as id,
       schedule.name,
       case said->>'kind' when 'cron' then said->>'expression' when 'every' then 'every ' || (said->>'expression')
                          when 'at' then 'at ' || (said->>'expression') end as schedule,
       case when said->>'kind' = 'when' then said->>'predicate' end as schedule_function,
       coalesce(schedule.is_enabled, said->>'enabled', 1) and coalesce(switch.is_enabled, definition.is_enabled, 1) as enabled,
       case coalesce(definition.priority, 2) when 0 then 'CRITICAL' when 1 then 'HIGH' when 2 then 'MEDIUM' when 3 then 'LOW'
                                             else 'BACKGROUND' end as priority,
       definition.timeout_ms as timeout,
       definition.max_retries as retries,
       schedule.task as task_name,
       coalesce(said->>'tz', 'UTC') as timezone,
       strftime('%Y-%m-%dT%H:%M:%fZ', schedule.paused_at / 1e6, 'unixepoch') as paused_at, schedule.paused_by,
       strftime('%Y-%m-%dT%H:%M:%fZ', schedule.paused_until / 1e6, 'unixepoch') as paused_until,
       strftime('%Y-%m-%dT%H:%M:%fZ', schedule.fired_at / 1e6, 'unixepoch') as last_executed_at,
       schedule.last_run_id,
       case when coalesce(schedule.paused_at, schedule.orphaned_at) is null or schedule.resumed_at is not null
            then strftime('%Y-%m-%dT%H:%M:%fZ', schedule.next_at / 1e6, 'unixepoch') end as next_execution_at,
       coalesce(counted.execution_count, 0) as execution_count,
       coalesce(counted.success_count, 0) as success_count,
       coalesce(counted.error_count, 0) as error_count,
       counted.average_execution_time,
       schedule.code, schedule.override,
       strftime('%Y-%m-%dT%H:%M:%fZ', schedule.created_at / 1e6, 'unixepoch') as created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', schedule.changed_at / 1e6, 'unixepoch') as updated_at
from (select *, coalesce(override, code) as said from mainspring.schedules) schedule
left join mainspring.definitions definition on definition.task = schedule.task
left join mainspring.task_switches switch on switch.task = schedule.task
left join (
    select task, sum(n) as execution_count, sum(n) filter (where state = 10) as success_count,
           sum(n) filter (where state in (11, 12)) as error_count,
           sum(ran_ms) filter (where state = 10) / nullif(sum(n) filter (where state = 10), 0) as average_execution_time
    from mainspring.stats group by task
) as counted on counted.task = schedule.task;

create view mainspring.cron_task_executions as
select run.id,
       printf('00000000-0000-8000-8000-%012x', run.schedule_id) as task_id,
       run.status,
       -- one that never started: when it was due
       strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(run.started_at, run.slot_at, run.created_at) / 1e6, 'unixepoch') as started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', run.finished_at / 1e6, 'unixepoch') as completed_at,
       case when run.started_at is not null then cast(round((run.finished_at - run.started_at) / 1e3) as integer) end as duration_ms,
       run.params as config,
       run.result,
       run.error,
       case when run.status = 'SKIPPED' then run.reason end as skipped_reason,
       coalesce(node.facts->>'environment', past.environment) as execution_environment,
       run.node_id as runner_instance_id,
       run.task as task_name, strftime('%Y-%m-%dT%H:%M:%fZ', run.slot_at / 1e6, 'unixepoch') as slot_at, run.reason, run.attempt,
       run.blocked_by, run.blocked_on, strftime('%Y-%m-%dT%H:%M:%fZ', run.created_at / 1e6, 'unixepoch') as created_at
from (
    select id, schedule_id, node_id, task, reason, attempt, params, null as result, error, created_at, slot_at, started_at,
           null as finished_at, blocked_by, blocked_on,
           case when state < 2 then 'BLOCKED' when state < 4 then 'PENDING' when state = 4 then 'RUNNING' else 'SUSPENDED' end as status
    from mainspring.hot_runs where schedule_id is not null
    union all
    select id, schedule_id, node_id, task, reason, attempt, params, result, error, created_at, slot_at, started_at,
           finished_at, blocked_by, blocked_on,
           case state when 10 then 'COMPLETED' when 11 then 'FAILED' when 12 then 'TIMEOUT' when 13 then 'CANCELLED' else 'SKIPPED' end
    from mainspring.history where schedule_id is not null
) as run
left join mainspring.nodes node on node.id = run.node_id
left join mainspring.past_nodes past on past.id = run.node_id;

create view mainspring.side_tasks as
select (  -- SQLite has no hash of its own: two sums over the name's letters, modulo primes
           with recursive letter(n, a, b) as (
               select 0, 7, 11
               union all
               select n + 1, (a * 131 + unicode(substr(service.name, n + 1, 1))) % 4294967291,
                      (b * 8191 + unicode(substr(service.name, n + 1, 1))) % 281474976710597
               from letter where n < length(service.name)
           )
           select printf('%08x-0000-8000-8000-%012x', a, b) from letter where n = length(service.name)
       ) as id,
       name,
       facts->>'description' as description,
       coalesce(facts->>'category', 'general') as category,
       coalesce(is_enabled, code_enabled) as enabled,
       upper(coalesce(facts->>'priority', 'medium')) as priority,
       strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1e6, 'unixepoch') as created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', max(declared_at, changed_at) / 1e6, 'unixepoch') as updated_at
from mainspring.services service
where node = (select min(other.node) from mainspring.services other where other.name = service.name);

create view mainspring.task_runner_state as
select run.id,
       run.task as task_name,
       case when run.origin = 'service' then 'side' else 'cron' end as task_type,
       'RUNNING' as status,
       strftime('%Y-%m-%dT%H:%M:%fZ', run.started_at / 1e6, 'unixepoch') as started_at,
       coalesce(node.facts->>'environment', 'unknown') as environment,  -- told by nodes of this release and later
       run.node_id as runner_instance_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', run.created_at / 1e6, 'unixepoch') as created_at,
       node.name as runner_name
from mainspring.hot_runs run left join mainspring.nodes node on node.id = run.node_id
where run.state = 4;

create view if not exists cron_tasks as select * from mainspring.cron_tasks;
create view if not exists cron_task_executions as select * from mainspring.cron_task_executions;
create view if not exists side_tasks as select * from mainspring.side_tasks;
create view if not exists task_runner_state as select * from mainspring.task_runner_state;
