-- What people say about trouble: errors that are not to be looked at, runs that are given up, and until when a queue is paused.

create table mainspring.ignored_errors (             -- groups that nobody wants to see; they are counted on
    fingerprint text        primary key,
    at          integer not null,
    actor       text,
    reason      text
) strict;

create table mainspring.discarded_runs (             -- failed runs that are done with: no dead letters any more
    run_id text        primary key,
    at     integer not null,
    actor  text,
    reason text
) strict;

alter table mainspring.queues add column paused_until integer;
