-- A token by its id.
select id, label, user_name, role, verbs, tenants, tasks, created_at, created_by, expires_at, revoked_at, revoked_by, used_at, used_from,
       coalesce(expires_at <= {NOW}, false) as has_expired
from mainspring.tokens where id = :id
