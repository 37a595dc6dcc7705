-- What operators have enabled or disabled.
select task, is_enabled, changed_at, changed_by, reason from mainspring.task_switches order by task
