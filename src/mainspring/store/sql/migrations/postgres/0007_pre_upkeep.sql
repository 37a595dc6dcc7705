-- What upkeep needs: which runs stay for good, how long each task's runs stay, and which errors there are.

create table mainspring.kept (                       -- pinned runs: no retention takes them
    run_id uuid        primary key,
    at     timestamptz not null,
    actor  text,
    reason text
);

create table mainspring.retention (                  -- what definitions say; nodes tell it, so that a node without the code knows
    task         text        collate "C" primary key,
    completed_ms bigint,                             -- null: as the app says
    others_ms    bigint,
    keep_last    integer     not null default 0,
    told_at      timestamptz not null,
    told_by      text
);

create table mainspring.errors (                     -- errors that are alike, counted in the statement that settles a try
    fingerprint text        collate "C" not null,
    shard       smallint    not null,                -- writers spread over shards, so that they do not queue for one row
    task        text        collate "C" not null,
    kind        text        not null,
    type        text        not null,
    message     text        not null,                -- of the latest, shortened
    n           bigint      not null,
    first_at    timestamptz not null,
    last_at     timestamptz not null,
    last_run    uuid        not null,
    primary key (fingerprint, shard)
) with (fillfactor = 50);

-- What people said about them. Whether an error is open is never stored: it is when it came again after it was resolved.
create table mainspring.error_marks (
    fingerprint text        collate "C" primary key,
    resolved_at timestamptz not null,
    resolved_by text,
    reason      text,
    reopened    integer     not null default 0       -- how often it had come back before it was resolved the last time
);

create index attempts_fingerprint on mainspring.attempts (fingerprint, run_id) where fingerprint is not null;
create index hot_runs_retry       on mainspring.hot_runs (retry_of) where retry_of is not null;
create index history_retry        on mainspring.history (retry_of)  where retry_of is not null;
