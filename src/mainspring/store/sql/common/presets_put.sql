-- Keep values under a name of one's own, in place of what was kept there.
insert into mainspring.presets as held (tenant, task, name, owner, is_shared, params, changed_at)
values (:tenant, :task, :name, :owner, :is_shared, :params, {CLOCK})
on conflict (task, tenant, owner, name) do update
set is_shared = excluded.is_shared, params = excluded.params, changed_at = excluded.changed_at
returning id
