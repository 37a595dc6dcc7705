-- A definition says nothing of its own any more.
delete from mainspring.retention where task = :task
returning task
