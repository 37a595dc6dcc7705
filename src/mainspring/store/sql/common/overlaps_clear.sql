-- Let the code say again what becomes of runs that would overlap.
delete from mainspring.task_overlaps where task = :task returning task
