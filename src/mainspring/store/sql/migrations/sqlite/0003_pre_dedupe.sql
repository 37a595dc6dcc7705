-- Dedupe: keys that count finished runs too, and what became of requests that made no run of their own.

create table mainspring.dedupe (
    tenant     text        not null,
    task       text        not null,
    key        text        not null,
    run_id     text        not null,             -- the run that took the key; it may be finished, or pruned
    expires_at integer,                          -- the key is free past this; null: never
    primary key (tenant, task, key)
) strict, without rowid;
create index mainspring.dedupe_expiry on mainspring.dedupe (expires_at) where expires_at is not null;

-- A request that changed a run which waited has no row of its own. Whoever did not hear the answer asks here what became of it.
create table mainspring.dedupe_requests (
    id         text        not null primary key,
    run_id     text        not null,             -- the run that was changed
    how        text        not null,
    expires_at integer     not null
) strict, without rowid;
create index mainspring.dedupe_requests_expiry on mainspring.dedupe_requests (expires_at);
