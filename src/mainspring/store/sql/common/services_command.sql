-- Carry out what an operator wants of a service, on all its rows or on that of one node; what is left out (null) stays. Fresh: what has ended
-- may begin anew, with a window without crashes; restarts: what runs is replaced.
update mainspring.services
set is_wanted = coalesce(:is_wanted, is_wanted),
    is_enabled = case when :switches then :is_enabled else is_enabled end,
    crashes = case when :fresh then '[]' else crashes end,
    next_start_at = case when :fresh then null else next_start_at end,
    reason = case when :fresh and state not in (1, 2, 3) then null else reason end,
    state = case when :fresh and state not in (1, 2, 3) then 0 else state end,
    restart_of = case when :restarts and state in (1, 2) then run_id else restart_of end,
    changed_at = {CLOCK}, changed_by = :actor, change_reason = :why, version = version + 1
where name = :name and (:every or node = :node)
returning node
