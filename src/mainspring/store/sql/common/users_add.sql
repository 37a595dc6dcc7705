-- Add somebody; answers nothing where the name is taken.
insert into mainspring.users (name, role, tenants, teams, password, created_at, created_by, changed_at, changed_by)
values (:name, :role, :tenants, :teams, :password, {CLOCK}, :actor, {CLOCK}, :actor)
on conflict (name) do nothing
returning name
