-- Keep a browser that has signed in, in the place of the session that it had before.
delete from mainspring.sessions where hash = :before;

insert into mainspring.sessions (hash, id, kind, name, rights, created_at, seen_at, idle_at, expires_at, address, agent)
values (:hash, :id, :kind, :name, :rights, {CLOCK}, {CLOCK}, :idle_at, :expires_at, :address, :agent)
