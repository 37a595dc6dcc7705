-- Switches: tasks that an operator has enabled or disabled, over what the code says. No row: the code decides.

create table mainspring.task_switches (
    task       text    not null primary key,
    is_enabled boolean not null,
    changed_at timestamptz not null,
    changed_by text,
    reason     text
);
