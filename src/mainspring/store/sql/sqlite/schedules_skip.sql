-- Leave one slot out, if it is still to come; or, with none, leave none out any more.
update mainspring.schedules set skip_slot = :slot, version = version + 1, changed_at = {CLOCK}, changed_by = :by
where id = :id and version = :version and (:slot is null or cursor_at < :slot)
returning id
