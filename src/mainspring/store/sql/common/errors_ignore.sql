-- Look at an error no more: it is counted on, and shown only to who asks for what is ignored.
insert into mainspring.ignored_errors (fingerprint, at, actor, reason)
select fingerprint, {NOW}, cast(:actor as text), cast(:reason as text) from mainspring.errors where fingerprint = :fingerprint limit 1
on conflict (fingerprint) do update set at = excluded.at, actor = excluded.actor, reason = excluded.reason
returning fingerprint
