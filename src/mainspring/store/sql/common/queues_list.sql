-- Queues that somebody has paused or resumed; others need no row.
select name, paused_at, paused_by, pause_reason from mainspring.queues order by name
