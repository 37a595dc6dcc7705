-- Samples for charts: how much waited in each queue, minute by minute. The row of the nameless queue is all of them together, and says that
-- the minute has been seen to. A few rows a minute, thinned out when they are old.

create table mainspring.samples (
    at        timestamptz not null,                  -- a whole minute
    queue     text        collate "C" not null,
    ready     integer     not null,
    later     integer     not null,
    running   integer     not null,
    blocked   integer     not null,
    oldest_ms bigint      not null,                  -- since when the oldest that could start has waited; zero where none does
    primary key (at, queue)
);
