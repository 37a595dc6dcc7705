-- Let a token open nothing any more.
update mainspring.tokens set revoked_at = {CLOCK}, revoked_by = :actor where id = :id and revoked_at is null
returning id
