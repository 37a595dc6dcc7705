-- Resume the queues whose pause is over.
update mainspring.queues set paused_at = null, paused_by = null, pause_reason = null, paused_until = null
where paused_at is not null and paused_until <= {NOW}
returning name
