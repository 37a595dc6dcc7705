-- Resolve an error: it is open again as soon as it comes again.
insert into mainspring.error_marks as mark (fingerprint, resolved_at, resolved_by, reason)
select fingerprint, {NOW}, cast(:actor as text), cast(:reason as text) from mainspring.errors
where fingerprint = :fingerprint limit 1
on conflict (fingerprint) do update
set reopened = mark.reopened + case when (select max(last_at) from mainspring.errors seen where seen.fingerprint = mark.fingerprint)
                                         > mark.resolved_at then 1 else 0 end,
    resolved_at = excluded.resolved_at, resolved_by = excluded.resolved_by, reason = excluded.reason
returning fingerprint
