-- Take a key for a request. It is free when nobody has it or its time is over; one whose request was interrupted is taken over with its run,
-- where that may be done again. No row: somebody has it.
insert into mainspring.idempotency as held (caller, key, fingerprint, claim, run_id, until, expires_at)
values (:caller, :key, :fingerprint, :claim, :run_id, {CLOCK} + cast(:patience_ms * 1000 as integer), {CLOCK} + cast(:kept_ms * 1000 as integer))
on conflict (caller, key) do update
set claim = excluded.claim, until = excluded.until, fingerprint = excluded.fingerprint, status = null, headers = null, body = null,
    run_id = case when held.expires_at <= {NOW} then excluded.run_id else held.run_id end,
    expires_at = case when held.expires_at <= {NOW} then excluded.expires_at else held.expires_at end
where held.expires_at <= {NOW}
   or (:may_repeat and held.status is null and held.until <= {NOW} and held.fingerprint = excluded.fingerprint)
returning run_id
