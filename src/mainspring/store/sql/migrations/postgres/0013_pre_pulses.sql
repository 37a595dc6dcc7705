-- Pulses: rounds that somebody has asked for, where no runner lives. A row is written when one begins, so that one that was killed is seen.

create table mainspring.pulses (
    id          bigint      generated always as identity primary key,
    source      text        not null,           -- who asked: cli, http, api …
    node_id     uuid,
    budget_ms   bigint      not null,
    started_at  timestamptz not null,
    finished_at timestamptz,                    -- null: under way, or killed
    is_ok       boolean,
    fired       integer     not null default 0,
    executed    integer     not null default 0,
    succeeded   integer     not null default 0,
    failed      integer     not null default 0,
    given_back  integer     not null default 0,
    remaining   integer     not null default 0,
    deferred    text,                           -- why what remains was not begun, as JSON
    error       text,
    request     text        collate "C"         -- the mark of a signed request: one that comes again is refused
);
create index pulses_started on mainspring.pulses (started_at);
create unique index pulses_request on mainspring.pulses (request) where request is not null;
