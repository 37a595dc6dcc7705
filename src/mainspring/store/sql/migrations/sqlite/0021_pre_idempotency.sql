-- Keys with which HTTP callers make sure that a request counts once: what was asked for, the run that it is to become, and what was answered.

create table mainspring.idempotency (
    caller      text    not null,
    key         text    not null,
    fingerprint text    not null,           -- of what was asked for: the same key with something else is refused
    claim       text    not null,           -- of the request that is under way
    run_id      text    not null,           -- given out before there is a run: whoever asks again adds the same one
    until       integer not null,           -- past it, a request that has not been answered was interrupted
    status      integer,                    -- null: not answered yet
    headers     text,
    body        text,
    expires_at  integer not null,
    primary key (caller, key)
) strict, without rowid;
create index mainspring.idempotency_expires on mainspring.idempotency (expires_at);
