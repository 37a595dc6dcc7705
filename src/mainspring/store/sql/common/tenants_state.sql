-- Let a tenant be in another state, unless it is deleted, for that is for good; its runs are moved by and by.
insert into mainspring.tenants as tenant (name, state, is_moving, reason, created_at, created_by, changed_at, changed_by)
values (:name, :state, :is_moving, :reason, {CLOCK}, :actor, {CLOCK}, :actor)
on conflict (name) do update
set state = excluded.state, is_moving = excluded.is_moving, reason = excluded.reason, changed_at = excluded.changed_at,
    changed_by = excluded.changed_by
where tenant.state <> 3
returning name
