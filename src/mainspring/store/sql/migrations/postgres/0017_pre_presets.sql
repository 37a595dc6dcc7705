-- Values of forms that somebody keeps under a name, for themselves or for everybody, and the tasks that they have marked with a star.

create table mainspring.presets (
    id         bigint      generated always as identity primary key,
    tenant     text        collate "C" not null default '',
    task       text        collate "C" not null,
    name       text        collate "C" not null,
    owner      text        collate "C" not null,
    is_shared  boolean     not null default false,
    params     text        not null,                 -- as JSON, by parameter; no secrets and no files
    changed_at timestamptz not null
);
create unique index presets_name on mainspring.presets (task, tenant, owner, name);

create table mainspring.favourites (
    owner      text        collate "C" not null,
    task       text        collate "C" not null,
    created_at timestamptz not null,
    primary key (owner, task)
);
