-- Somebody, with what is needed to check a password.
select name, role, tenants, teams, password, is_enabled, created_at, created_by, changed_at, changed_by, seen_at
from mainspring.users where name = :name
