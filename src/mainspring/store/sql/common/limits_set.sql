-- Set what an operator wants of a key, beside or instead of what the code says.
insert into mainspring.limits (key, override, binds_queue, binds_task, created_at, changed_at, changed_by, change_reason)
values (:key, :override, :binds_queue, :binds_task, {NOW}, {NOW}, :actor, :reason)
on conflict (key) do update
set override = excluded.override, binds_queue = excluded.binds_queue, binds_task = excluded.binds_task, changed_at = excluded.changed_at,
    changed_by = excluded.changed_by, change_reason = excluded.change_reason
returning key
