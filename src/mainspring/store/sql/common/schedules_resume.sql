-- Resume: a scheduler is to look at once, and to account for the slots of the pause.
update mainspring.schedules
set resumed_at = {CLOCK}, next_at = case when orphaned_at is not null then null when next_slot is null then null else {CLOCK} end, version = version + 1,
    changed_at = {CLOCK}, changed_by = :by
where id = :id and version = :version and paused_at is not null and resumed_at is null
returning id
