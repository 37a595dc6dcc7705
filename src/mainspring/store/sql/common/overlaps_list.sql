-- The overlap policies that operators have set, by task.
select task, policy, most, changed_at, changed_by, reason from mainspring.task_overlaps order by task
