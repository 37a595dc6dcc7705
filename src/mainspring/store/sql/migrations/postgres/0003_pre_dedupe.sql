-- Dedupe: keys that count finished runs too, and what became of requests that made no run of their own.

create table mainspring.dedupe (
    tenant     text        collate "C" not null,
    task       text        collate "C" not null,
    key        text        collate "C" not null,
    run_id     uuid        not null,             -- the run that took the key; it may be finished, or pruned
    expires_at timestamptz,                      -- the key is free past this; null: never
    primary key (tenant, task, key)
) with (fillfactor = 80);
create index dedupe_expiry on mainspring.dedupe (expires_at) where expires_at is not null;

-- A request that changed a run which waited has no row of its own. Whoever did not hear the answer asks here what became of it.
create table mainspring.dedupe_requests (
    id         uuid        primary key,
    run_id     uuid        not null,             -- the run that was changed
    how        text        not null,
    expires_at timestamptz not null
);
create index dedupe_requests_expiry on mainspring.dedupe_requests (expires_at);
