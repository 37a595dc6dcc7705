-- What upkeep needs: which runs stay for good, how long each task's runs stay, and which errors there are.

create table mainspring.kept (                       -- pinned runs: no retention takes them
    run_id text        primary key,
    at     integer not null,
    actor  text,
    reason text
) strict;

create table mainspring.retention (                  -- what definitions say; nodes tell it, so that a node without the code knows
    task         text        primary key,
    completed_ms integer,                             -- null: as the app says
    others_ms    integer,
    keep_last    integer     not null default 0,
    told_at      integer not null,
    told_by      text
) strict;

create table mainspring.errors (                     -- errors that are alike, counted in the statement that settles a try
    fingerprint text        not null,
    shard       integer    not null,                -- writers spread over shards, so that they do not queue for one row
    task        text        not null,
    kind        text        not null,
    type        text        not null,
    message     text        not null,                -- of the latest, shortened
    n           integer      not null,
    first_at    integer not null,
    last_at     integer not null,
    last_run    text        not null,
    primary key (fingerprint, shard)
) strict;

-- What people said about them. Whether an error is open is never stored: it is when it came again after it was resolved.
create table mainspring.error_marks (
    fingerprint text        primary key,
    resolved_at integer not null,
    resolved_by text,
    reason      text,
    reopened    integer     not null default 0       -- how often it had come back before it was resolved the last time
) strict;

create index mainspring.attempts_fingerprint on mainspring.attempts (fingerprint, run_id) where fingerprint is not null;
create index mainspring.hot_runs_retry       on mainspring.hot_runs (retry_of) where retry_of is not null;
create index mainspring.history_retry        on mainspring.history (retry_of)  where retry_of is not null;
