-- Views for people who query by hand, under the names of the task system that they know. Status and priority are upper-case words there,
-- and what a schedule runs is called a cron task, what is supervised a side task.

create table mainspring.past_nodes (                 -- where nodes were that are forgotten; their runs still name them
    id          uuid        primary key,
    name        text        not null,
    environment text,
    ended_at    timestamptz not null
);
create index past_nodes_ended on mainspring.past_nodes (ended_at);

-- Texts are checked when they are written, but a payload that was changed by hand must not hide all other rows.
create function mainspring.as_json(given text) returns jsonb language plpgsql immutable parallel safe as $$
begin
    return given::jsonb;
exception when others then
    return to_jsonb(replace(given, '\u0000', ''));
end $$;

create view mainspring.cron_tasks as
select ('00000000-0000-8000-8000-' || lpad(to_hex(schedule.id), 12, '0'))::uuid as id,
       schedule.name,
       case said.value->>'kind' when 'cron' then said.value->>'expression' when 'every' then 'every ' || (said.value->>'expression')
                                when 'at' then 'at ' || (said.value->>'expression') end as schedule,
       case when said.value->>'kind' = 'when' then said.value->>'predicate' end as schedule_function,
       coalesce(schedule.is_enabled, (said.value->>'enabled')::boolean, true)
           and coalesce(switch.is_enabled, definition.is_enabled, true) as enabled,
       case coalesce(definition.priority, 2) when 0 then 'CRITICAL' when 1 then 'HIGH' when 2 then 'MEDIUM' when 3 then 'LOW'
                                             else 'BACKGROUND' end as priority,
       definition.timeout_ms as timeout,
       definition.max_retries as retries,
       schedule.task as task_name,
       coalesce(said.value->>'tz', 'UTC') as timezone,
       schedule.paused_at, schedule.paused_by, schedule.paused_until,
       schedule.fired_at as last_executed_at,
       schedule.last_run_id,
       case when coalesce(schedule.paused_at, schedule.orphaned_at) is null or schedule.resumed_at is not null
            then schedule.next_at end as next_execution_at,
       coalesce(counted.execution_count, 0) as execution_count,
       coalesce(counted.success_count, 0) as success_count,
       coalesce(counted.error_count, 0) as error_count,
       counted.average_execution_time,
       mainspring.as_json(schedule.code) as code,
       mainspring.as_json(schedule.override) as override,
       schedule.created_at,
       schedule.changed_at as updated_at
from mainspring.schedules schedule
cross join lateral (select coalesce(schedule.override, schedule.code)::json as value) as said
left join mainspring.definitions definition on definition.task = schedule.task
left join mainspring.task_switches switch on switch.task = schedule.task
left join (
    select task, sum(n)::bigint as execution_count, coalesce(sum(n) filter (where state = 10), 0)::bigint as success_count,
           coalesce(sum(n) filter (where state in (11, 12)), 0)::bigint as error_count,
           sum(ran_ms) filter (where state = 10) / nullif(sum(n) filter (where state = 10), 0) as average_execution_time
    from mainspring.stats group by task
) as counted on counted.task = schedule.task;

create view mainspring.cron_task_executions as
select run.id,
       ('00000000-0000-8000-8000-' || lpad(to_hex(run.schedule_id), 12, '0'))::uuid as task_id,
       run.status,
       coalesce(run.started_at, run.slot_at, run.created_at) as started_at,  -- one that never started: when it was due
       run.finished_at as completed_at,
       case when run.started_at is not null
            then round(extract(epoch from run.finished_at - run.started_at) * 1000)::bigint end as duration_ms,
       mainspring.as_json(run.params) as config,
       mainspring.as_json(run.result) as result,
       mainspring.as_json(run.error) as error,
       case when run.status = 'SKIPPED' then run.reason end as skipped_reason,
       coalesce(node.facts::json->>'environment', past.environment) as execution_environment,
       run.node_id::text as runner_instance_id,
       run.task as task_name, run.slot_at, run.reason, run.attempt, run.blocked_by, run.blocked_on, run.created_at
from (
    select id, schedule_id, node_id, task, reason, attempt, params, progress, null::text as result, error, created_at, slot_at, started_at,
           null::timestamptz as finished_at, blocked_by, blocked_on,
           case when state < 2 then 'BLOCKED' when state < 4 then 'PENDING' when state = 4 then 'RUNNING' else 'SUSPENDED' end as status
    from mainspring.hot_runs where schedule_id is not null
    union all
    select id, schedule_id, node_id, task, reason, attempt, params, progress, result, error, created_at, slot_at, started_at,
           finished_at, blocked_by, blocked_on,
           case state when 10 then 'COMPLETED' when 11 then 'FAILED' when 12 then 'TIMEOUT' when 13 then 'CANCELLED' else 'SKIPPED' end
    from mainspring.history where schedule_id is not null
) as run
left join mainspring.nodes node on node.id = run.node_id
left join mainspring.past_nodes past on past.id = run.node_id;

create view mainspring.side_tasks as
select encode(substring(sha256(convert_to(name, 'UTF8')) for 16), 'hex')::uuid as id,
       name,
       facts::json->>'description' as description,
       coalesce(facts::json->>'category', 'general') as category,
       coalesce(is_enabled, code_enabled) as enabled,
       upper(coalesce(facts::json->>'priority', 'medium')) as priority,
       created_at,
       greatest(declared_at, changed_at) as updated_at
from mainspring.services service
where node = (select min(other.node) from mainspring.services other where other.name = service.name);

create view mainspring.task_runner_state as
select run.id,
       run.task as task_name,
       case when run.origin = 'service' then 'side' else 'cron' end as task_type,
       'RUNNING' as status,
       run.started_at,
       coalesce(node.facts::json->>'environment', 'unknown') as environment,  -- told by nodes of this release and later
       run.node_id::text as runner_instance_id,
       run.created_at,
       node.name as runner_name
from mainspring.hot_runs run left join mainspring.nodes node on node.id = run.node_id
where run.state = 4;
