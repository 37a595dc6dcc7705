-- The slots of a span that have a run; one that was left out has none.
select slot_at from mainspring.hot_runs where schedule_id = :id and slot_at >= :since and slot_at <= :until
union
select slot_at from mainspring.history where schedule_id = :id and slot_at >= :since and slot_at <= :until and state <> 14
