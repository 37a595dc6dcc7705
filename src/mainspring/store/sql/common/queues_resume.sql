-- Resume a queue.
update mainspring.queues set paused_at = null, paused_by = null, pause_reason = null, paused_until = null where name = :name and paused_at is not null
returning name
