-- Take the mark off a task.
delete from mainspring.favourites where owner = :owner and task = :task
