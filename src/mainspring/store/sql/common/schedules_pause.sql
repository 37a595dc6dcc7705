-- Pause: nothing is due before somebody resumes, or the time is over. Slots from now on are those of the pause; one that was resumed and is
-- not accounted for yet goes on.
update mainspring.schedules
set paused_at = coalesce(paused_at, {CLOCK}), paused_by = :by, pause_reason = :reason, paused_until = :until, resumed_at = null,
    next_at = :until, version = version + 1, changed_at = {CLOCK}, changed_by = :by
where id = :id and version = :version
returning id
