-- Browsers that are signed in, the latest first.
select id, kind, name, created_at, seen_at, idle_at, expires_at, address, agent
from mainspring.sessions where expires_at > {NOW} and idle_at > {NOW} order by seen_at desc, id limit :n
