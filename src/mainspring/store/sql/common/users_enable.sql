-- Let somebody in again, or no longer.
update mainspring.users set is_enabled = :is_enabled, changed_at = {CLOCK}, changed_by = :actor where name = :name
returning name
