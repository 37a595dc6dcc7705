-- Enable or disable a task, whatever the code says.
insert into mainspring.task_switches (task, is_enabled, changed_at, changed_by, reason) values (:task, :is_enabled, {NOW}, :actor, :reason)
on conflict (task) do update
set is_enabled = excluded.is_enabled, changed_at = excluded.changed_at, changed_by = excluded.changed_by, reason = excluded.reason
returning task
