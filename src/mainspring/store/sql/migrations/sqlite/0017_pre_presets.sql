-- Values of forms that somebody keeps under a name, for themselves or for everybody, and the tasks that they have marked with a star.

create table mainspring.presets (
    id         integer primary key autoincrement,
    tenant     text    not null default '',
    task       text    not null,
    name       text    not null,
    owner      text    not null,
    is_shared  integer not null default 0,
    params     text    not null,                     -- as JSON, by parameter; no secrets and no files
    changed_at integer not null
) strict;
create unique index mainspring.presets_name on mainspring.presets (task, tenant, owner, name);

create table mainspring.favourites (
    owner      text    not null,
    task       text    not null,
    created_at integer not null,
    primary key (owner, task)
) strict, without rowid;
