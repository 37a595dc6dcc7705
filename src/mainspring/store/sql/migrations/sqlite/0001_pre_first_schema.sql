-- The first schema. Hot and cold: hot_runs holds unfinished runs only, finishing moves the row into history in the same statement.
-- Times are microseconds since 1970 in UTC, by the clock of the host, which every process on the file shares.

create table mainspring.hot_runs (
    id               text        not null primary key,
    created_at       integer     not null,
    run_at           integer,                    -- due then; for state 2
    ready_at         integer,                    -- claimable since; for state 3
    started_at       integer,                    -- of the attempt in hand
    attempt_until    integer,                    -- a rescuer takes the run from its node past this
    deadline_at      integer,                    -- no attempt starts past this
    slot_at          integer,                    -- the schedule's slot that this run is for
    claim_id         text,                           -- the fence of every write about a running run
    node_id          text,
    retry_of         text,
    parent_id        text,
    schedule_id      integer,
    timeout_ms       integer,
    seq              integer     not null default 1, -- the last event number given out
    claim_seq        integer,                        -- event number of the current attempt's claim
    attempt          integer     not null default 0, -- only grows
    pending_deps     integer     not null default 0,
    state            integer     not null,
    pool             integer     not null default 0, -- whose slots it takes on a node: 0 async, 1 def, 2 thread, 3 inline, 4 solo, 5 quarantine
    priority         integer     not null default 2,
    retries          integer     not null default 0,
    max_retries      integer     not null default 3,
    rescues          integer     not null default 0,
    max_rescues      integer     not null default 3,
    params_version   integer     not null default 1,
    suspicion        integer     not null default 0,
    is_repeatable    integer     not null default 1,
    cancel_requested integer     not null default 0,
    queue            text not null default 'default',
    tenant           text not null default '',
    task             text not null,
    reason           text,
    key              text,
    limit_queue      text,
    limit_task       text,
    limit_key        text,
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
) strict;

-- Each index covers one state, so it is as large as that state.
create index mainspring.hot_runs_lane    on mainspring.hot_runs (queue, tenant, pool, priority, ready_at, id) where state = 3;
create index mainspring.hot_runs_due     on mainspring.hot_runs (run_at)        where state = 2;
create index mainspring.hot_runs_node    on mainspring.hot_runs (node_id)       where state = 4;
create index mainspring.hot_runs_cancel  on mainspring.hot_runs (node_id)       where state = 4 and cancel_requested = 1;
create index mainspring.hot_runs_blocked on mainspring.hot_runs (task)          where state = 1;
create index mainspring.hot_runs_deadline on mainspring.hot_runs (deadline_at) where deadline_at is not null;
create unique index mainspring.hot_runs_key on mainspring.hot_runs (tenant, task, key) where key is not null;

create table mainspring.history (
    id               text        not null,
    created_at       integer     not null,
    run_at           integer,
    ready_at         integer,
    started_at       integer,
    finished_at      integer     not null,
    slot_at          integer,
    node_id          text,
    retry_of         text,
    parent_id        text,
    schedule_id      integer,
    seq              integer     not null,
    claim_seq        integer,
    attempt          integer     not null,
    state            integer     not null,
    pool             integer     not null,
    priority         integer     not null,
    retries          integer     not null,
    max_retries      integer     not null,
    rescues          integer     not null,
    params_version   integer     not null,
    queue            text not null,
    tenant           text not null,
    task             text not null,
    reason           text,
    key              text,
    label            text,
    origin           text        not null,
    actor            text,
    cancelled_by     text,
    params           text        not null,
    progress         text,
    result           text,
    error            text,
    meta             text,
    primary key (id)                                 -- the database itself refuses a second outcome
) strict;
create index mainspring.history_task  on mainspring.history (task, id);
create index mainspring.history_wrong on mainspring.history (state, id) where state <> 10;

create table mainspring.attempts (
    run_id      text        not null,
    number      integer     not null,
    claim_seq   integer     not null,
    end_seq     integer     not null,
    outcome     integer     not null,
    reason      text,
    node_id     text,
    started_at  integer,
    finished_at integer     not null,
    retry_at    integer,
    fingerprint text,
    error       text,
    primary key (run_id, number)
) strict, without rowid;

create table mainspring.events (
    run_id  text        not null,
    seq     integer     not null,
    at      integer     not null,
    attempt integer     not null,
    kind    integer     not null,
    data    text,
    primary key (run_id, seq)
) strict, without rowid;


create table mainspring.nodes (
    id            text        not null primary key,
    name          text        not null,
    host          text        not null,
    pid           integer     not null,
    state         integer     not null default 1,
    started_at    integer     not null,
    beat_at       integer     not null,
    lease_until   integer     not null,
    backend_pid   integer,
    backend_start integer,
    running       integer     not null default 0,
    facts         text        not null default '{}'
) strict;

create table mainspring.queues (
    name         text primary key,
    created_at   integer     not null,
    paused_at    integer,
    paused_by    text,
    pause_reason text
) strict;

create table mainspring.stats (
    bucket    integer     not null,                  -- a minute, by the finish
    task      text not null,
    state     integer     not null,
    shard     integer     not null,                  -- writers spread over shards, so that they do not queue for one row
    n         integer      not null,
    ran_ms    real not null,
    waited_ms real not null,
    primary key (bucket, task, state, shard)
) strict;

create table mainspring.audit (
    id     integer      primary key autoincrement,
    at     integer     not null,
    actor  text,
    verb   text        not null,
    object text        not null,
    source text        not null,
    reason text,
    data   text
) strict;
create index mainspring.audit_object on mainspring.audit (object, id);

create view mainspring.runs as
select id, task, case state when 0 then 'blocked' when 1 then 'blocked' when 2 then 'pending' when 3 then 'pending'
                            when 4 then 'running' when 5 then 'suspended' end as state,
       reason, queue, tenant, priority, attempt, retries, rescues, created_at, run_at, ready_at, started_at,
       null as finished_at, node_id, key, label, origin, actor, retry_of, parent_id, schedule_id,
       params, progress, null as result, error, meta
from mainspring.hot_runs
union all
select id, task, case state when 10 then 'completed' when 11 then 'failed' when 12 then 'timeout'
                            when 13 then 'cancelled' when 14 then 'skipped' end,
       reason, queue, tenant, priority, attempt, retries, rescues, created_at, run_at, ready_at, started_at,
       finished_at, node_id, key, label, origin, actor, retry_of, parent_id, schedule_id,
       params, progress, result, error, meta
from mainspring.history;
