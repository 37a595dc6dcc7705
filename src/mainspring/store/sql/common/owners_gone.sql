-- Somebody is gone: whatever of theirs waits, waits for somebody else to take it over.
update mainspring.owners set is_gone = true, lost_at = {CLOCK}, is_moving = true, reason = :reason, changed_by = :actor
where name = :name and not is_gone
returning name
