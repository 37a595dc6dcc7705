-- Let the code decide again.
delete from mainspring.task_switches where task = :task returning task
