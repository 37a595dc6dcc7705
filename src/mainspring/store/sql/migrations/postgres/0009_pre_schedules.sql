-- Schedules: when a task is run by itself. A slot is accounted for by moving the row's cursor, so that any number of nodes fire it once.

create table mainspring.schedules (
    id            bigint      generated always as identity primary key,
    name          text        collate "C" not null,
    tenant        text        collate "C" not null default '',
    task          text        collate "C" not null,
    code          text,                              -- what the code declares, as JSON; null for one that an operator has made
    code_digest   text,
    code_seen_at  timestamptz,                       -- when a node last declared it
    override      text,                              -- what an operator has set instead, as JSON, whole
    is_enabled    boolean,                -- what an operator has switched; null: as the definition says
    cursor_at     timestamptz not null,              -- every slot up to here is accounted for
    next_slot     timestamptz,                       -- the first that is not; null: none will come by itself
    next_at       timestamptz,                       -- when it is due: the slot and its jitter, or its place in the window
    fired_at      timestamptz,
    last_slot     timestamptz,                       -- the last that made a run
    last_run_id   uuid,
    looked_at     timestamptz,                       -- a predicate: when it was last asked
    skip_slot     timestamptz,                       -- an operator wants this one left out
    paused_at     timestamptz,
    paused_by     text,
    pause_reason  text,
    paused_until  timestamptz,
    resumed_at    timestamptz,          -- somebody has ended the pause, and its slots are not accounted for yet
    asked_slot    timestamptz,          -- a predicate is being asked about this one …
    asked_until   timestamptz,          -- … and past this who asked is dead
    unknown_at    timestamptz,          -- since then no living node has its code or its task
    orphaned_at   timestamptz,          -- … and since then that has lasted long enough: it is due no more
    version       bigint      not null default 1,    -- grows with every change by people or code
    created_at    timestamptz not null,
    created_by    text,
    changed_at    timestamptz not null,
    changed_by    text
);
create unique index schedules_name on mainspring.schedules (tenant, name);
create index schedules_due  on mainspring.schedules (next_at) where next_at is not null;
create index schedules_task on mainspring.schedules (task);

create table mainspring.notices (                    -- facts about schedules, services, nodes and pulses that people want to know
    id       bigint      generated always as identity primary key,
    at       timestamptz not null,
    object   text        collate "C" not null,         -- schedule:NAME, service:NAME, node:NAME, task:NAME, pulse, runner
    kind     text        not null,
    severity smallint    not null default 0,           -- 0 info, 1 warning, 2 alert
    run_id   uuid,
    data     text
);
create index notices_object   on mainspring.notices (object, id);
create index notices_severity on mainspring.notices (severity, id) where severity > 0;

create table mainspring.modes (                      -- what operators switch for the whole fleet, as JSON: maintenance and the like
    key        text        collate "C" primary key,
    value      text        not null,
    changed_at timestamptz not null,
    changed_by text,
    reason     text
);

create unique index hot_runs_slot   on mainspring.hot_runs (schedule_id, slot_at) where schedule_id is not null and slot_at is not null;
create index history_schedule  on mainspring.history (schedule_id, id) where schedule_id is not null;
