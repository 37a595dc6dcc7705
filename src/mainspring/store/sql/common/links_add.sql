-- Keep a link that lets one browser in.
insert into mainspring.links (hash, role, created_at, created_by, expires_at) values (:hash, :role, {CLOCK}, :actor, :expires_at)
