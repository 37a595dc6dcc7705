-- Enqueueing in SQL: from triggers, other languages and a shell. Nodes write down what their code says about each task, so that a run made
-- here waits in the right lane, with the right budget; the function is a public contract (docs/guides/sql.md).

create table mainspring.definitions (
    task           text     collate "C" primary key,
    queue          text     collate "C" not null,
    pool           smallint not null,
    priority       smallint not null,
    timeout_ms     bigint,
    deadline_ms    bigint,
    max_retries    smallint not null,
    max_rescues    smallint not null,
    is_repeatable  boolean  not null,
    is_enabled     boolean  not null,              -- what the code says; an operator's switch is over it
    params_version smallint not null,
    limit_task     text     collate "C",
    limit_key      text,                           -- the template as JSON: [[literal, [step, ...]], ...]; likewise below
    dedupe_key     text,
    dedupe_policy  text,
    registered_at  timestamptz not null
);

-- Fill a key template from parameters: a text stands as it is, a number, a truth or null as JSON.
create function mainspring.fill_key(template text, params jsonb, what text) returns text language plpgsql immutable as $$
declare
    part jsonb;
    found jsonb;
    filled text := '';
begin
    for part in select value from jsonb_array_elements(template::jsonb) loop
        filled := filled || (part->>0);
        if jsonb_array_length(part->1) > 0 then
            found := params #> array(select jsonb_array_elements_text(part->1));
            if found is null then
                raise exception '% needs the parameter %, which is not given', what, (select string_agg(step, '.') from jsonb_array_elements_text(part->1) step)
                    using errcode = 'invalid_parameter_value', hint = 'give it in params: defaults are filled in on the node, too late for a key';
            end if;
            if jsonb_typeof(found) in ('object', 'array') then
                raise exception '% is made of an %, which SQL writes in another way', what, jsonb_typeof(found)
                    using errcode = 'feature_not_supported', hint = 'enqueue it from Python';
            end if;
            filled := filled || coalesce(found #>> '{}', 'null');
        end if;
    end loop;
    if length(filled) not between 1 and 500 then
        raise exception '% has % characters: 1 to 500 are allowed', what, length(filled) using errcode = 'invalid_parameter_value';
    end if;
    return filled;
end
$$;

create function mainspring.enqueue(
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

    -- UUIDv7 (RFC 9562): 48 bits of milliseconds over a random UUIDv4, and the version's two other bits.
    made := encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
        placing substring(int8send(floor(extract(epoch from at) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid;
    for attempt in 1..5 loop
        insert into mainspring.hot_runs (
            id, created_at, run_at, ready_at, deadline_at, timeout_ms, state, pool, priority, max_retries, max_rescues, params_version,
            is_repeatable, queue, tenant, task, key, label, origin, actor, params, limit_task, limit_key, waits_for, reason)
        values (
            made, at, due, case when due > at or first_limit is not null then null else at end,
            at + known.deadline_ms * interval '1 millisecond', known.timeout_ms,
            case when due > at then 2 when first_limit is not null then 0 else 3 end, known.pool, coalesce(chosen, known.priority, 2::smallint),
            known.max_retries, known.max_rescues, known.params_version, known.is_repeatable, coalesce(queue, known.queue, 'default'), tenant,
            task, key, label, 'sql', actor, params::text, known.limit_task, own_limit,
            case when due <= at then first_limit end, case when due <= at and first_limit is not null then 'limit' end)
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

comment on function mainspring.enqueue is
    'Add a run in this transaction and return its id; with a key, that of the unfinished run which has it already. Public: see docs/guides/sql.md';
comment on view mainspring.runs is 'Every run, finished or not. Public: columns are added, never changed';
