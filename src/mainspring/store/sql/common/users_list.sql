-- Everybody, by name.
select name, role, tenants, teams, password is not null as has_password, is_enabled, created_at, created_by, changed_at, changed_by, seen_at
from mainspring.users where name > :after order by name limit :n
