-- Set what holds for the whole fleet.
insert into mainspring.modes as held (key, value, changed_at, changed_by, reason) values (:key, :value, {CLOCK}, :by, :reason)
on conflict (key) do update set value = excluded.value, changed_at = excluded.changed_at, changed_by = excluded.changed_by, reason = excluded.reason
