-- The first schema. Hot and cold: hot_runs holds unfinished runs only, finishing moves the row into history in the same statement.
-- No enum types (they cannot lose a value), no GIN, no foreign keys into history; JSON is text that is parsed by whoever reads it.

create table mainspring.hot_runs (
    id               uuid        primary key,
    created_at       timestamptz not null,
    run_at           timestamptz,                    -- due then; for state 2
    ready_at         timestamptz,                    -- claimable since; for state 3
    started_at       timestamptz,                    -- of the attempt in hand
    attempt_until    timestamptz,                    -- a rescuer takes the run from its node past this
    deadline_at      timestamptz,                    -- no attempt starts past this
    slot_at          timestamptz,                    -- the schedule's slot that this run is for
    claim_id         uuid,                           -- the fence of every write about a running run
    node_id          uuid,
    retry_of         uuid,
    parent_id        uuid,
    schedule_id      bigint,
    timeout_ms       bigint,
    seq              integer     not null default 1, -- the last event number given out
    claim_seq        integer,                        -- event number of the current attempt's claim
    attempt          integer     not null default 0, -- only grows
    pending_deps     integer     not null default 0,
    state            smallint    not null,
    pool             smallint    not null default 0, -- whose slots it takes on a node: 0 async, 1 def, 2 thread, 3 inline, 4 solo, 5 quarantine
    priority         smallint    not null default 2,
    retries          smallint    not null default 0,
    max_retries      smallint    not null default 3,
    rescues          smallint    not null default 0,
    max_rescues      smallint    not null default 3,
    params_version   smallint    not null default 1,
    suspicion        smallint    not null default 0,
    is_repeatable    boolean     not null default true,
    cancel_requested boolean     not null default false,
    queue            text        collate "C" not null default 'default',
    tenant           text        collate "C" not null default '',
    task             text        collate "C" not null,
    reason           text,
    key              text        collate "C",
    limit_queue      text        collate "C",
    limit_task       text        collate "C",
    limit_key        text        collate "C",
    label            text,
    origin           text        not null default 'api',
    actor            text,
    cancelled_by     text,
    params           text        not null default '{}',
    progress         text,
    error            text,                           -- of the last attempt
    meta             text,
    constraint hot_runs_claimed check ((state = 4) = (claim_id is not null)),
    constraint hot_runs_ready check (state <> 3 or ready_at is not null),
    constraint hot_runs_due check (state <> 2 or run_at is not null)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000,
        autovacuum_vacuum_insert_threshold = -1, vacuum_truncate = off);

-- Each index covers one state, so it is as large as that state.
create index hot_runs_lane    on mainspring.hot_runs (queue, tenant, pool, priority, ready_at, id) where state = 3;
create index hot_runs_due     on mainspring.hot_runs (run_at)        where state = 2;
create index hot_runs_node    on mainspring.hot_runs (node_id)       where state = 4;
create index hot_runs_cancel  on mainspring.hot_runs (node_id)       where state = 4 and cancel_requested;
create index hot_runs_blocked on mainspring.hot_runs (task)          where state = 1;
create index hot_runs_deadline on mainspring.hot_runs (deadline_at) where deadline_at is not null;
create unique index hot_runs_key on mainspring.hot_runs (tenant, task, key) where key is not null;

create table mainspring.history (
    id               uuid        not null,
    created_at       timestamptz not null,
    run_at           timestamptz,
    ready_at         timestamptz,
    started_at       timestamptz,
    finished_at      timestamptz not null,
    slot_at          timestamptz,
    node_id          uuid,
    retry_of         uuid,
    parent_id        uuid,
    schedule_id      bigint,
    seq              integer     not null,
    claim_seq        integer,
    attempt          integer     not null,
    state            smallint    not null,
    pool             smallint    not null,
    priority         smallint    not null,
    retries          smallint    not null,
    max_retries      smallint    not null,
    rescues          smallint    not null,
    params_version   smallint    not null,
    queue            text        collate "C" not null,
    tenant           text        collate "C" not null,
    task             text        collate "C" not null,
    reason           text,
    key              text        collate "C",
    label            text,
    origin           text        not null,
    actor            text,
    cancelled_by     text,
    params           text        not null,
    progress         text,
    result           text,
    error            text,
    meta             text,
    primary key (id)                                 -- real over all partitions: the database itself refuses a second outcome
) partition by range (id);
create index history_task  on mainspring.history (task, id);
create index history_wrong on mainspring.history (state, id) where state <> 10;

create table mainspring.attempts (
    run_id      uuid        not null,
    number      integer     not null,
    claim_seq   integer     not null,
    end_seq     integer     not null,
    outcome     smallint    not null,
    reason      text,
    node_id     uuid,
    started_at  timestamptz,
    finished_at timestamptz not null,
    retry_at    timestamptz,
    fingerprint text        collate "C",
    error       text,
    primary key (run_id, number)
) partition by range (run_id);

create table mainspring.events (
    run_id  uuid        not null,
    seq     integer     not null,
    at      timestamptz not null,
    attempt integer     not null,
    kind    smallint    not null,
    data    text,
    primary key (run_id, seq)
) partition by range (run_id);

create table mainspring.history_rest  partition of mainspring.history  default;
create table mainspring.attempts_rest partition of mainspring.attempts default;
create table mainspring.events_rest   partition of mainspring.events   default;

-- Logged on purpose: an unlogged lease table is empty after a crash, which would read as "everybody died".
create table mainspring.nodes (
    id            uuid        primary key,
    name          text        not null,
    host          text        not null,
    pid           integer     not null,
    state         smallint    not null default 1,
    started_at    timestamptz not null,
    beat_at       timestamptz not null,
    lease_until   timestamptz not null,
    backend_pid   integer,
    backend_start timestamptz,
    running       integer     not null default 0,
    facts         text        not null default '{}'
) with (fillfactor = 50);

create table mainspring.queues (
    name         text        collate "C" primary key,
    created_at   timestamptz not null,
    paused_at    timestamptz,
    paused_by    text,
    pause_reason text
);

create table mainspring.stats (
    bucket    timestamptz not null,                  -- a minute, by the finish
    task      text        collate "C" not null,
    state     smallint    not null,
    shard     smallint    not null,                  -- writers spread over shards, so that they do not queue for one row
    n         bigint      not null,
    ran_ms    double precision not null,
    waited_ms double precision not null,
    primary key (bucket, task, state, shard)
) with (fillfactor = 50);

create table mainspring.audit (
    id     bigint      generated always as identity primary key,
    at     timestamptz not null,
    actor  text,
    verb   text        not null,
    object text        not null,
    source text        not null,
    reason text,
    data   text
);
create index audit_object on mainspring.audit (object, id);

create view mainspring.runs as
select id, task, case state when 0 then 'blocked' when 1 then 'blocked' when 2 then 'pending' when 3 then 'pending'
                            when 4 then 'running' when 5 then 'suspended' end as state,
       reason, queue, tenant, priority, attempt, retries, rescues, created_at, run_at, ready_at, started_at,
       null::timestamptz as finished_at, node_id, key, label, origin, actor, retry_of, parent_id, schedule_id,
       params, progress, null::text as result, error, meta
from mainspring.hot_runs
union all
select id, task, case state when 10 then 'completed' when 11 then 'failed' when 12 then 'timeout'
                            when 13 then 'cancelled' when 14 then 'skipped' end,
       reason, queue, tenant, priority, attempt, retries, rescues, created_at, run_at, ready_at, started_at,
       finished_at, node_id, key, label, origin, actor, retry_of, parent_id, schedule_id,
       params, progress, result, error, meta
from mainspring.history;
