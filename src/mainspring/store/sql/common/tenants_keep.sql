-- Set how long a tenant's finished runs are kept; null leaves it to tasks and app.
insert into mainspring.tenants (name, completed_ms, others_ms, created_at, created_by, changed_at, changed_by)
values (:name, :completed_ms, :others_ms, {CLOCK}, :actor, {CLOCK}, :actor)
on conflict (name) do update
set completed_ms = excluded.completed_ms, others_ms = excluded.others_ms, changed_at = excluded.changed_at, changed_by = excluded.changed_by
returning name
