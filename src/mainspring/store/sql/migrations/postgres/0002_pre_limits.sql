-- Limits: how many runs of a key go at once, and how many start in a time. A run that a limit holds back is in state 0 and waits in the
-- list of one key; what goes is counted from the rows of the runs themselves, so nothing can leak.

alter table mainspring.hot_runs add column waits_for text;

create table mainspring.limits (
    key          text        not null primary key,  -- queue:NAME, task:NAME, key:TENANT:TEXT
    code         text,                              -- what the code says, as JSON; null where nothing does
    override     text,                              -- what an operator set instead, as JSON
    tat          timestamptz,                              -- GCRA: the theoretical arrival time of the next start
    created_at   timestamptz not null,
    changed_at   timestamptz not null,
    changed_by   text,
    change_reason text
);

create index hot_runs_waits      on mainspring.hot_runs (waits_for, priority, created_at, id) where state = 0 and waits_for is not null;
create index hot_runs_goes_queue on mainspring.hot_runs (limit_queue) where limit_queue is not null and state in (3, 4);
create index hot_runs_goes_task  on mainspring.hot_runs (limit_task)  where limit_task is not null and state in (3, 4);
create index hot_runs_goes_key   on mainspring.hot_runs (limit_key)   where limit_key is not null and state in (3, 4);
