-- Lists of a million runs: what people look for beside task, state, schedule, tenant and actor, which have their indexes. Each leaves out the runs
-- that have nothing of the kind, so that these pay nothing. And the views of lists that people save.

create index mainspring.history_label on mainspring.history (label, id) where label is not null;
create index mainspring.hot_runs_label on mainspring.hot_runs (label, id) where label is not null;
create index mainspring.history_key on mainspring.history (key, id) where key is not null;
create index mainspring.history_queue on mainspring.history (queue, id) where queue <> 'default';

create table mainspring.run_views (
    id         text        primary key,
    owner      text        not null,
    name       text        not null,
    query      text        not null,                  -- as written in the search field
    sort       text        not null,
    is_shared  integer     not null,                  -- whether others see it
    created_at integer     not null
) strict;
create unique index mainspring.run_views_name on mainspring.run_views (owner, name);
