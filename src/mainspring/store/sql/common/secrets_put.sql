-- Keep a secret, encrypted, in the place of what was there.
insert into mainspring.secrets as held (name, sealed, key_id, created_at, changed_at, changed_by, reason)
values (:name, :sealed, :key_id, {CLOCK}, {CLOCK}, :actor, :reason)
on conflict (name) do update
set sealed = excluded.sealed, key_id = excluded.key_id, changed_at = excluded.changed_at, changed_by = excluded.changed_by,
    reason = excluded.reason
returning created_at = changed_at as is_new
