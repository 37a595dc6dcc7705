-- Say something of a tenant for the first time; nothing where it is known.
insert into mainspring.tenants (name, title, created_at, created_by, changed_at, changed_by)
values (:name, coalesce(cast(:title as text), ''), {CLOCK}, :actor, {CLOCK}, :actor)
on conflict (name) do nothing
returning name
