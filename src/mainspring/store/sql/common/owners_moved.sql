-- Runs and schedules of somebody are where they belong, unless their rights were changed meanwhile.
update mainspring.owners set is_moving = false, lost_at = case when not :is_over then lost_at end where name = :name and seen_at = :seen_at and is_gone = :is_gone returning name
