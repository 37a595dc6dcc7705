-- Services: side tasks that nodes start, watch and start again. A row is an instance: the fleet's one, or that of a node (by its name). What
-- runs is a run like others, in state 4 from the beginning, in pool 7, which no node claims from.

create table mainspring.services (
    name          text        collate "C" not null,
    node          text        collate "C" not null default '',  -- empty: the fleet's one, or what is said of every node's
    instances     smallint    not null,                  -- 1 one in the fleet, 2 one a node
    state         smallint    not null,                  -- 0 waiting, 1 starting, 2 running, 3 stopping, 4 backoff, 10 stopped, 11 completed, 12 failed
    is_wanted     boolean     not null default true,     -- operators start and stop it
    is_enabled    boolean,                               -- an operator's word, over what the code says; null: none
    code_enabled  boolean     not null default true,
    facts         text        not null default '{}',     -- what the code says for people, as JSON
    run_id        uuid,                                  -- the run of the latest start
    node_id       uuid,                                  -- the node of the latest start
    leaving_id    uuid,                                  -- the run that goes on until this one is ready
    restart_of    uuid,                                  -- the run that an operator wants replaced
    fence         bigint      not null default 0,        -- grows with every start, and never falls
    starts        integer     not null default 0,
    restarts      integer     not null default 0,
    crashes       text        not null default '[]',     -- ends of the latest window that were followed by a restart, as JSON: microseconds
    reason        text,
    error         text,                                  -- of the latest failure, as JSON
    next_start_at timestamptz,
    started_at    timestamptz,
    ready_at      timestamptz,
    ended_at      timestamptz,
    is_healthy    boolean,
    probed_at     timestamptz,
    created_at    timestamptz not null,
    declared_at   timestamptz not null,
    declared_by   text,
    changed_at    timestamptz not null,
    changed_by    text,
    change_reason text,
    version       integer     not null default 0,        -- grows with every change of state: who has not seen the last one changes nothing
    primary key (name, node)
) with (fillfactor = 50);

create table mainspring.service_samples (                -- what probes have answered
    id      bigint      generated always as identity primary key,
    name    text        collate "C" not null,
    node    text        collate "C" not null,
    run_id  uuid        not null,
    at      timestamptz not null,
    is_ok   boolean     not null,
    ms      float8      not null,
    message text,
    memory  bigint,
    cpu     float8
);
create index service_samples_of on mainspring.service_samples (name, node, id);
