-- Whether there is anybody who can let others in: an administrator with a password who is not disabled.
select 1 as is_there from mainspring.users where role = 'admin' and is_enabled and password is not null limit 1
