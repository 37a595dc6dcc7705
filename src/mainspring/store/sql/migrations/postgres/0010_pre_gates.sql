-- Gates: who may start is asked before a run is ready. An overlap policy looks at the runs that share a key, a dependency at another task's
-- latest run. A run with a gate is to be asked once it is due (in state 2), or has got an answer that lets it wait (in state 1). It is
-- active, as others of its key see it, when it has passed the first gate, or has ever been claimed.

alter table mainspring.hot_runs add column gate         smallint not null default 0;  -- to be asked: 0 nothing (more), 1 overlap and then dependencies, 2 dependencies
alter table mainspring.hot_runs add column overlap      smallint;                     -- 1 skip, 2 queue, 3 replace, 4 allow; null: no policy
alter table mainspring.hot_runs add column overlap_most integer;                      -- queue: how many may wait; allow: how many go at once
alter table mainspring.hot_runs add column overlap_key  text collate "C";
alter table mainspring.hot_runs add column depends      text;                         -- tasks whose latest run has to be completed, as JSON
alter table mainspring.hot_runs add column blocked_by   uuid;                         -- the run in the way
alter table mainspring.hot_runs add column blocked_on   text collate "C";             -- the task that is waited for
alter table mainspring.history  add column blocked_by   uuid;
alter table mainspring.history  add column blocked_on   text collate "C";

create index hot_runs_gate    on mainspring.hot_runs (run_at, id) where gate > 0 and state = 2;
create index hot_runs_gated   on mainspring.hot_runs (id)         where gate > 0 and state = 1;
create index hot_runs_overlap on mainspring.hot_runs (overlap_key, id) where overlap_key is not null;

create table mainspring.task_overlaps (              -- what operators have set instead of the code's overlap policy
    task       text        collate "C" primary key,
    policy     smallint    not null,                -- as hot_runs.overlap
    most       integer,
    changed_at timestamptz not null,
    changed_by text,
    reason     text
);

-- What the code says of overlaps and dependencies, for runs that are made in SQL.
alter table mainspring.definitions add column overlap      smallint;
alter table mainspring.definitions add column overlap_most integer;
alter table mainspring.definitions add column overlap_key  text;                      -- the template as JSON
alter table mainspring.definitions add column depends      text;

create or replace function mainspring.enqueue(
    task text, params jsonb default '{}', queue text default null, priority text default null, run_at timestamptz default null,
    delay interval default null, key text default null, tenant text default '', label text default null, actor text default null,
    must_be_known boolean default true
) returns uuid language plpgsql as $$
#variable_conflict use_variable
declare
    at        constant timestamptz := {CLOCK};
    due       constant timestamptz := coalesce(run_at, at + delay, at);
    known     mainspring.definitions;
    chosen    smallint;
    own_limit text;
    first_limit text;
    own_overlap text;
    asked     smallint;
    is_early  boolean;
    made      uuid;
    winner    uuid;
begin
    if task is null or task !~ '^[A-Za-z][A-Za-z0-9_.:-]{0,199}$' then
        raise exception 'task=% is no name of a task', quote_nullable(task) using errcode = 'invalid_parameter_value';
    end if;
    if params is null or jsonb_typeof(params) <> 'object' then
        raise exception 'params=% is no JSON object', coalesce(left(params::text, 100), 'null') using errcode = 'invalid_parameter_value',
            hint = 'write parameters by name: ''{"order_id": 1}''';
    end if;
    if run_at is not null and delay is not null then
        raise exception 'run_at and delay exclude each other: give one of them' using errcode = 'invalid_parameter_value';
    end if;
    if queue !~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$' then
        raise exception 'queue=% is not allowed', quote_nullable(queue) using errcode = 'invalid_parameter_value';
    end if;
    if length(key) not between 1 and 500 or length(label) not between 1 and 200 or tenant is null or length(tenant) > 200 then
        raise exception 'key takes 1 to 500 characters, label 1 to 200, tenant 0 to 200' using errcode = 'invalid_parameter_value';
    end if;
    chosen := array_position(array['critical', 'high', 'medium', 'low', 'background'], lower(priority)) - 1;
    if priority is not null and chosen is null then
        raise exception 'priority=% is unknown: critical, high, medium, low or background', quote_literal(priority)
            using errcode = 'invalid_parameter_value';
    end if;

    select definition.* into known from mainspring.definitions definition where definition.task = enqueue.task;
    if known.task is null then
        if must_be_known then
            raise exception 'no node has registered the task %', quote_literal(task) using errcode = 'undefined_object',
                hint = 'start a worker that knows it once, or give must_be_known => false: it waits until one does';
        end if;
        known.pool := 1;
        known.max_retries := 3;
        known.max_rescues := 3;
        known.is_repeatable := true;
        known.params_version := 1;
        known.timeout_ms := 300000;
        known.is_enabled := true;
    end if;
    if not coalesce((select switch.is_enabled from mainspring.task_switches switch where switch.task = enqueue.task), known.is_enabled) then
        raise exception 'the task % is disabled: nothing is enqueued', quote_literal(task) using errcode = 'object_not_in_prerequisite_state',
            hint = format('''mainspring tasks enable %s'' switches it on', task);
    end if;
    if key is null and known.dedupe_key is not null then
        if known.dedupe_policy <> 'existing' then
            raise exception 'the task % dedupes by the policy %, which SQL does not speak', quote_literal(task), known.dedupe_policy
                using errcode = 'feature_not_supported', hint = 'enqueue it from Python, or give a key of your own, which answers the unfinished run';
        end if;
        key := mainspring.fill_key(known.dedupe_key, params, 'the dedupe key of ' || task);
    end if;
    if known.limit_key is not null then
        own_limit := 'key:' || tenant || ':' || mainspring.fill_key(known.limit_key, params, 'the limit key of ' || task);
    end if;
    first_limit := coalesce(known.limit_task, own_limit);
    -- As in Python: where the code has a policy the run is asked, and carries the key in any case; else where an operator has set one.
    asked := case when known.overlap <> 4 or known.overlap_most is not null
                       or exists (select from mainspring.task_overlaps choice
                                  where choice.task = enqueue.task and (choice.policy <> 4 or choice.most is not null)) then 1
                  when known.depends is not null then 2 else 0 end;
    if known.overlap is not null or asked = 1 then
        own_overlap := task || '/' || replace(tenant, '/', '//')
                       || case when known.overlap_key is null then ''
                               else '/=' || mainspring.fill_key(known.overlap_key, params, 'the overlap key of ' || task) end;
    end if;
    is_early := due > at or asked > 0;

    -- UUIDv7 (RFC 9562): 48 bits of milliseconds over a random UUIDv4, and the version's two other bits.
    made := encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
        placing substring(int8send(floor(extract(epoch from at) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid;
    for attempt in 1..5 loop
        insert into mainspring.hot_runs (
            id, created_at, run_at, ready_at, deadline_at, timeout_ms, state, pool, priority, max_retries, max_rescues, params_version,
            is_repeatable, queue, tenant, task, key, label, origin, actor, params, limit_task, limit_key, waits_for, reason,
            gate, overlap, overlap_most, overlap_key, depends)
        values (
            made, at, due, case when is_early or first_limit is not null then null else at end,
            at + known.deadline_ms * interval '1 millisecond', known.timeout_ms,
            case when is_early then 2 when first_limit is not null then 0 else 3 end, known.pool, coalesce(chosen, known.priority, 2::smallint),
            known.max_retries, known.max_rescues, known.params_version, known.is_repeatable, coalesce(queue, known.queue, 'default'), tenant,
            task, key, label, 'sql', actor, params::text, known.limit_task, own_limit,
            case when not is_early then first_limit end, case when not is_early and first_limit is not null then 'limit' end,
            asked, known.overlap, known.overlap_most, own_overlap, known.depends)
        on conflict do nothing
        returning id into winner;
        exit when winner is not null;
        select run.id into winner from mainspring.hot_runs run
        where run.tenant = enqueue.tenant and run.task = enqueue.task and run.key = enqueue.key;
        exit when winner is not null;
    end loop;
    if winner is null then
        raise exception 'other runs with the key % came and went just now', quote_literal(key) using errcode = 'serialization_failure',
            hint = 'run the transaction again';
    end if;
    return winner;
end
$$;
