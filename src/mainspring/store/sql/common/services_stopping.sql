-- Note that an instance was asked to stop.
update mainspring.services set state = 3, version = version + 1
where name = :name and node = :node and run_id = :run and state in (1, 2)
returning name
