-- Queues that somebody has paused or resumed; others need no row.
select name, paused_at, paused_by, pause_reason, paused_until from mainspring.queues order by name
