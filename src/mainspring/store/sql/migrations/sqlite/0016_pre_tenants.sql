-- Tenants, whose runs are invisible to each other, and owners, with whose rights their runs begin. A tenant needs no row: one that is named
-- nowhere else is active and has no quota. The indexes leave out runs without a tenant and without an actor, so that these pay nothing.

create table mainspring.tenants (
    name         text        primary key,
    title        text        not null default '',
    state        integer     not null default 1,     -- 1 active, 2 suspended: its runs are held, 3 deleted: they are cancelled and purged
    is_moving    integer     not null default 0,       -- its runs are still being held, let go, or taken away
    reason       text,                               -- why it is in this state
    completed_ms integer,                            -- its own retention: of runs that completed, and of all others
    others_ms    integer,
    max_waiting  integer,                            -- quotas: runs that wait, bytes of files and large payloads
    max_bytes    integer,
    created_at   integer     not null,
    created_by   text,
    changed_at   integer     not null,
    changed_by   text,
    purged_at    integer                             -- a deleted one of which nothing is left
) strict;
create index mainspring.tenants_off    on mainspring.tenants (name) where state <> 1;
create index mainspring.tenants_moving on mainspring.tenants (name) where is_moving;

create table mainspring.owners (                     -- people as they were when they last acted
    name       text        primary key,
    kind       text        not null,
    role       text        not null,
    teams      text        not null default '[]',
    tenants    text,                                 -- as JSON; null: all
    verbs      text,
    tasks      text,
    seen_at    integer     not null,
    is_moving  integer     not null default 0,       -- runs and schedules of theirs are still to be held, or let go
    lost_at    integer,                              -- since then they may do less than they once could
    is_gone    integer     not null default 0,   -- they may do nothing at all
    reason     text,
    changed_by text
) strict;
create index mainspring.owners_moving on mainspring.owners (name) where is_moving;
create index mainspring.owners_lost on mainspring.owners (name) where lost_at is not null;

alter table mainspring.schedules add column owner text;
create index mainspring.schedules_owner on mainspring.schedules (owner) where owner is not null;

alter table mainspring.audit add column tenant     text not null default '';
alter table mainspring.audit add column address    text;
alter table mainspring.audit add column request_id text;
create index mainspring.audit_tenant on mainspring.audit (tenant, id) where tenant <> '';

create index mainspring.hot_runs_tenant on mainspring.hot_runs (tenant, id) where tenant <> '';
create index mainspring.history_tenant  on mainspring.history  (tenant, id) where tenant <> '';
create index mainspring.hot_runs_actor  on mainspring.hot_runs (actor, id)  where actor is not null;
create index mainspring.history_actor   on mainspring.history  (actor, id)  where actor is not null;
create index mainspring.hot_runs_held   on mainspring.hot_runs (reason, id) where state = 1 and reason in ('tenant_suspended', 'owner_gone');
create index mainspring.files_tenant    on mainspring.files (tenant, size) where tenant <> '';
