-- Limits: how many runs of a key go at once, and how many start in a time. A run that a limit holds back is in state 0 and waits in the
-- list of one key; what goes is counted from the rows of the runs themselves, so nothing can leak.

alter table mainspring.hot_runs add column waits_for text;

create table mainspring.limits (
    key           text not null primary key,  -- queue:NAME, task:NAME, key:TENANT:TEXT, each:TASK (every own key of a task), node
    follows       text,                       -- an own key: the each:TASK that says how much, where the key itself does not
    code          text,                      -- what the code says, as JSON; null where nothing does
    override      text,                      -- what an operator set instead, as JSON, field by field
    binds_queue   text,                       -- the queue, or the task, whose runs must carry this key before they are claimed
    binds_task    text,
    tat           integer,                      -- GCRA: the theoretical arrival time of the next start
    admitted      text,                      -- runs let go by a rate that had not started when it was last asked, as JSON
    created_at    integer not null,
    changed_at    integer not null,
    changed_by    text,
    change_reason text
) strict;
create unique index mainspring.limits_queue on mainspring.limits (binds_queue) where binds_queue is not null;
create unique index mainspring.limits_task  on mainspring.limits (binds_task)  where binds_task is not null;

create index mainspring.hot_runs_waits      on mainspring.hot_runs (waits_for, priority, created_at, id) where state = 0 and waits_for is not null;
create index mainspring.hot_runs_goes_queue on mainspring.hot_runs (limit_queue) where limit_queue is not null and state in (3, 4);
create index mainspring.hot_runs_goes_task  on mainspring.hot_runs (limit_task)  where limit_task is not null and state in (3, 4);
create index mainspring.hot_runs_goes_key   on mainspring.hot_runs (limit_key)   where limit_key is not null and state in (3, 4);
