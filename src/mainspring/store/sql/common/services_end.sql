-- Write down what follows now that an instance is not running, unless somebody else did.
update mainspring.services
set state = :state, reason = :reason, error = coalesce(:error, error), crashes = :crashes, restarts = restarts + :restarts,
    next_start_at = :next_at, ended_at = coalesce(ended_at, {CLOCK}), restart_of = null, version = version + 1
where name = :name and node = :node and version = :version
returning name
