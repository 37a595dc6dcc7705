-- A session that is not over, with the rights that somebody of ours has now.
select session.id, session.kind, session.name, session.rights, session.seen_at, session.idle_at, session.expires_at,
       person.role as user_role, person.tenants as user_tenants, person.teams as user_teams
from mainspring.sessions session left join mainspring.users person on session.kind = 'local' and person.name = session.name
where session.hash = :hash and session.expires_at > {NOW} and session.idle_at > {NOW} and (session.kind <> 'local' or person.is_enabled)
