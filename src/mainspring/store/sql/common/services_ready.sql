-- Note that an instance is ready: whom it takes over from may go.
update mainspring.services
set state = 2, ready_at = {CLOCK}, leaving_id = null, version = version + 1
where name = :name and node = :node and run_id = :run and state = 1
returning name
