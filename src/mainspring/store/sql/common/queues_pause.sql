-- Pause a queue: its runs stay, nothing is claimed from it.
insert into mainspring.queues (name, created_at, paused_at, paused_by, pause_reason, paused_until)
values (:name, {NOW}, {NOW}, :actor, :reason, :until)
on conflict (name) do update set paused_at = excluded.paused_at, paused_by = excluded.paused_by, pause_reason = excluded.pause_reason,
    paused_until = excluded.paused_until
returning name
