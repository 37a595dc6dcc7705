-- What nodes say about their tasks when they start. On PostgreSQL the function `enqueue` reads it; here, where functions live in programs,
-- it is for people and programs that look by hand.

create table mainspring.definitions (
    task           text    not null primary key,
    queue          text    not null,
    pool           integer not null,
    priority       integer not null,
    timeout_ms     integer,
    deadline_ms    integer,
    max_retries    integer not null,
    max_rescues    integer not null,
    is_repeatable  integer not null,
    is_enabled     integer not null,               -- what the code says; an operator's switch is over it
    params_version integer not null,
    limit_task     text,
    limit_key      text,                           -- the template as JSON: [[literal, [step, ...]], ...]; likewise below
    dedupe_key     text,
    dedupe_policy  text,
    registered_at  integer not null
) strict;
