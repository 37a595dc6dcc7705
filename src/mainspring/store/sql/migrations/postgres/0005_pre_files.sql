-- Files and who they belong to, search terms of runs, and an audit trail that only grows.

create table mainspring.files (
    id         uuid        primary key,
    created_at timestamptz not null,
    loose_at   timestamptz,                          -- since when no run holds it: the sweep takes it a day later; null while one does
    size       bigint      not null,
    is_going   boolean     not null default false,   -- its content is being deleted: no run may take hold of it any more
    tenant     text        collate "C" not null default '',
    name       text        not null,
    media_type text        not null,
    sha256     text        not null
);
create index files_loose on mainspring.files (loose_at) where loose_at is not null;

create table mainspring.artifacts (                  -- what was given to a run or left behind by it
    run_id     uuid        not null,
    file_id    uuid        not null,
    created_at timestamptz not null,
    attempt    integer     not null default 0,
    role       smallint    not null,                 -- 1 left behind, 2 given, 3 its parameters, 4 its result, where these were too large for a row
    name       text        not null,
    primary key (run_id, file_id, role)
);
create index artifacts_file on mainspring.artifacts (file_id);

create table mainspring.run_search (                 -- runs by parameters that are marked for it; rows come before their run, and mean nothing without it
    name   text collate "C" not null,
    value  text collate "C" not null,
    run_id uuid not null,
    task   text collate "C" not null,
    primary key (name, value, run_id)
);
create index run_search_run on mainspring.run_search (run_id);

create function mainspring.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail only grows: nothing in it is changed or deleted' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_only_grows before update or delete on mainspring.audit for each statement execute function mainspring.refuse_change();
