-- Services: side tasks that nodes start, watch and start again. A row is an instance: the fleet's one, or that of a node (by its name). What
-- runs is a run like others, in state 4 from the beginning, in pool 7, which no node claims from.

create table mainspring.services (
    name          text    not null,
    node          text    not null default '',  -- empty: the fleet's one, or what is said of every node's
    instances     integer not null,             -- 1 one in the fleet, 2 one a node
    state         integer not null,             -- 0 waiting, 1 starting, 2 running, 3 stopping, 4 backoff, 10 stopped, 11 completed, 12 failed
    is_wanted     integer not null default 1,   -- operators start and stop it
    is_enabled    integer,                      -- an operator's word, over what the code says; null: none
    code_enabled  integer not null default 1,
    facts         text    not null default '{}',  -- what the code says for people, as JSON
    run_id        text,                         -- the run of the latest start
    node_id       text,                         -- the node of the latest start
    leaving_id    text,                         -- the run that goes on until this one is ready
    restart_of    text,                         -- the run that an operator wants replaced
    fence         integer not null default 0,   -- grows with every start, and never falls
    starts        integer not null default 0,
    restarts      integer not null default 0,
    crashes       text    not null default '[]',  -- ends of the latest window that were followed by a restart, as JSON: microseconds
    reason        text,
    error         text,                         -- of the latest failure, as JSON
    next_start_at integer,
    started_at    integer,
    ready_at      integer,
    ended_at      integer,
    is_healthy    integer,
    probed_at     integer,
    created_at    integer not null,
    declared_at   integer not null,
    declared_by   text,
    changed_at    integer not null,
    changed_by    text,
    change_reason text,
    version       integer not null default 0,   -- grows with every change of state: who has not seen the last one changes nothing
    primary key (name, node)
) strict, without rowid;

create table mainspring.service_samples (       -- what probes have answered
    id      integer primary key,
    name    text    not null,
    node    text    not null,
    run_id  text    not null,
    at      integer not null,
    is_ok   integer not null,
    ms      real    not null,
    message text,
    memory  integer,
    cpu     real
) strict;
create index mainspring.service_samples_of on mainspring.service_samples (name, node, id);
