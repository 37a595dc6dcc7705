-- Schedules: when a task is run by itself. A slot is accounted for by moving the row's cursor, so that any number of nodes fire it once.

create table mainspring.schedules (
    id            integer primary key autoincrement,
    name          text not null,
    tenant        text not null default '',
    task          text not null,
    code          text,                              -- what the code declares, as JSON; null for one that an operator has made
    code_digest   text,
    code_seen_at  integer,                       -- when a node last declared it
    override      text,                              -- what an operator has set instead, as JSON, whole
    is_enabled    integer,                -- what an operator has switched; null: as the definition says
    cursor_at     integer not null,              -- every slot up to here is accounted for
    next_slot     integer,                       -- the first that is not; null: none will come by itself
    next_at       integer,                       -- when it is due: the slot and its jitter, or its place in the window
    fired_at      integer,
    last_slot     integer,                       -- the last that made a run
    last_run_id   text,
    looked_at     integer,                       -- a predicate: when it was last asked
    skip_slot     integer,                       -- an operator wants this one left out
    paused_at     integer,
    paused_by     text,
    pause_reason  text,
    paused_until  integer,
    resumed_at    integer,              -- somebody has ended the pause, and its slots are not accounted for yet
    asked_slot    integer,              -- a predicate is being asked about this one …
    asked_until   integer,              -- … and past this who asked is dead
    unknown_at    integer,              -- since then no living node has its code or its task
    orphaned_at   integer,              -- … and since then that has lasted long enough: it is due no more
    version       integer not null default 1,    -- grows with every change by people or code
    created_at    integer not null,
    created_by    text,
    changed_at    integer not null,
    changed_by    text
) strict;
create unique index mainspring.schedules_name on mainspring.schedules (tenant, name);
create index mainspring.schedules_due  on mainspring.schedules (next_at) where next_at is not null;
create index mainspring.schedules_task on mainspring.schedules (task);

create table mainspring.notices (                    -- facts about schedules, services, nodes and pulses that people want to know
    id       integer primary key autoincrement,
    at       integer not null,
    object   text not null,         -- schedule:NAME, service:NAME, node:NAME, task:NAME, pulse, runner
    kind     text not null,
    severity integer not null default 0,           -- 0 info, 1 warning, 2 alert
    run_id   text,
    data     text
) strict;
create index mainspring.notices_object   on mainspring.notices (object, id);
create index mainspring.notices_severity on mainspring.notices (severity, id) where severity > 0;

create table mainspring.modes (                      -- what operators switch for the whole fleet, as JSON: maintenance and the like
    key        text primary key,
    value      text not null,
    changed_at integer not null,
    changed_by text,
    reason     text
) strict;

create unique index mainspring.hot_runs_slot   on mainspring.hot_runs (schedule_id, slot_at) where schedule_id is not null and slot_at is not null;
create index mainspring.history_schedule  on mainspring.history (schedule_id, id) where schedule_id is not null;
