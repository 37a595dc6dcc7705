-- Mark a task.
insert into mainspring.favourites (owner, task, created_at) values (:owner, :task, {CLOCK}) on conflict do nothing
