-- Note somebody's rights as they are now. Who may do less than before has runs and schedules that have to be looked at.
insert into mainspring.owners as owner (name, kind, role, teams, tenants, verbs, tasks, seen_at)
values (:name, :kind, :role, :teams, :tenants, :verbs, :tasks, {CLOCK})
on conflict (name) do update
set kind = excluded.kind, role = excluded.role, teams = excluded.teams, tenants = excluded.tenants, verbs = excluded.verbs,
    tasks = excluded.tasks, seen_at = excluded.seen_at, is_gone = false, reason = null, changed_by = null,
    lost_at = case when :has_less then {CLOCK} else owner.lost_at end, is_moving = owner.is_moving or owner.lost_at is not null or :has_less
returning name
