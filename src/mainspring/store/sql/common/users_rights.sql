-- Say what somebody may do.
update mainspring.users set role = :role, tenants = :tenants, teams = :teams, changed_at = {CLOCK}, changed_by = :actor
where name = :name
returning name
