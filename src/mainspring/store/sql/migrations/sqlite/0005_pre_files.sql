-- Files and who they belong to, search terms of runs, and an audit trail that only grows.

create table mainspring.files (
    id         text    not null primary key,
    created_at integer not null,
    loose_at   integer,                              -- since when no run holds it: the sweep takes it a day later; null while one does
    size       integer not null,
    is_going   integer not null default 0,           -- its content is being deleted: no run may take hold of it any more
    tenant     text    not null default '',
    name       text    not null,
    media_type text    not null,
    sha256     text    not null
) strict;
create index mainspring.files_loose on mainspring.files (loose_at) where loose_at is not null;

create table mainspring.artifacts (                  -- what was given to a run or left behind by it
    run_id     text    not null,
    file_id    text    not null,
    created_at integer not null,
    attempt    integer not null default 0,
    role       integer not null,                     -- 1 left behind, 2 given, 3 its parameters, 4 its result, where these were too large for a row
    name       text    not null,
    primary key (run_id, file_id, role)
) strict, without rowid;
create index mainspring.artifacts_file on mainspring.artifacts (file_id);

create table mainspring.run_search (                 -- runs by parameters that are marked for it; rows come before their run, and mean nothing without it
    name   text not null,
    value  text not null,
    run_id text not null,
    task   text not null,
    primary key (name, value, run_id)
) strict, without rowid;
create index mainspring.run_search_run on mainspring.run_search (run_id);

create trigger mainspring.audit_no_update before update on mainspring.audit
begin
    select raise(abort, 'the audit trail only grows: nothing in it is changed');
end;

create trigger mainspring.audit_no_delete before delete on mainspring.audit
begin
    select raise(abort, 'the audit trail only grows: nothing in it is deleted');
end;
