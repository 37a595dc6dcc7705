-- Set how much of a tenant may wait, and lie among the files; null takes a quota back.
insert into mainspring.tenants (name, max_waiting, max_bytes, created_at, created_by, changed_at, changed_by)
values (:name, :max_waiting, :max_bytes, {CLOCK}, :actor, {CLOCK}, :actor)
on conflict (name) do update
set max_waiting = excluded.max_waiting, max_bytes = excluded.max_bytes, changed_at = excluded.changed_at, changed_by = excluded.changed_by
returning name
