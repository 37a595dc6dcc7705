-- Names of schedules, each with its task.
select name, task from mainspring.schedules where tenant = '' order by name limit 500
