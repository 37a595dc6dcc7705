-- A token that opens the door, with the rights that its owner has now.
select token.id, token.label, token.user_name, token.role, token.verbs, token.tenants, token.tasks, token.expires_at, token.used_at,
       owner.role as owner_role, owner.tenants as owner_tenants, owner.teams as owner_teams
from mainspring.tokens token left join mainspring.users owner on owner.name = token.user_name
where token.hash = :hash and token.revoked_at is null and (token.expires_at is null or token.expires_at > {NOW})
  and (token.user_name is null or owner.is_enabled)
