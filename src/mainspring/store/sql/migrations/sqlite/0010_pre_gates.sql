-- Gates: who may start is asked before a run is ready. An overlap policy looks at the runs that share a key, a dependency at another task's
-- latest run. A run with a gate is to be asked once it is due (in state 2), or has got an answer that lets it wait (in state 1). It is
-- active, as others of its key see it, when it has passed the first gate, or has ever been claimed.

alter table mainspring.hot_runs add column gate         integer not null default 0;  -- to be asked: 0 nothing (more), 1 overlap and then dependencies, 2 dependencies
alter table mainspring.hot_runs add column overlap      integer;                     -- 1 skip, 2 queue, 3 replace, 4 allow; null: no policy
alter table mainspring.hot_runs add column overlap_most integer;                      -- queue: how many may wait; allow: how many go at once
alter table mainspring.hot_runs add column overlap_key  text;
alter table mainspring.hot_runs add column depends      text;                         -- tasks whose latest run has to be completed, as JSON
alter table mainspring.hot_runs add column blocked_by   text;                         -- the run in the way
alter table mainspring.hot_runs add column blocked_on   text;             -- the task that is waited for
alter table mainspring.history  add column blocked_by   text;
alter table mainspring.history  add column blocked_on   text;

create index mainspring.hot_runs_gate    on mainspring.hot_runs (run_at, id) where gate > 0 and state = 2;
create index mainspring.hot_runs_gated   on mainspring.hot_runs (id)         where gate > 0 and state = 1;
create index mainspring.hot_runs_overlap on mainspring.hot_runs (overlap_key, id) where overlap_key is not null;

create table mainspring.task_overlaps (              -- what operators have set instead of the code's overlap policy
    task       text primary key,
    policy     integer not null,                -- as hot_runs.overlap
    most       integer,
    changed_at integer not null,
    changed_by text,
    reason     text
) strict;

-- What the code says of overlaps and dependencies, for whoever makes runs without it.
alter table mainspring.definitions add column overlap      integer;
alter table mainspring.definitions add column overlap_most integer;
alter table mainspring.definitions add column overlap_key  text;                      -- the template as JSON
alter table mainspring.definitions add column depends      text;
