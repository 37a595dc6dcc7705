-- Errors that are alike, the latest first: counted over the shards, shown as the latest of them.
select total.fingerprint, total.n, total.first_at, total.last_at, latest.task, latest.kind, latest.type, latest.message, latest.last_run,
       mark.resolved_at, mark.resolved_by, mark.reason, coalesce(mark.reopened, 0) as reopened,
       ignored.at as ignored_at, ignored.actor as ignored_by
from (select fingerprint, sum(n) as n, min(first_at) as first_at, max(last_at) as last_at
      from mainspring.errors
      where (cast(:task as text) is null or task = cast(:task as text))
        and (cast(:fingerprint as text) is null or fingerprint = cast(:fingerprint as text))
      group by fingerprint) as total
join mainspring.errors latest on latest.fingerprint = total.fingerprint and latest.shard = (
    select shard from mainspring.errors other where other.fingerprint = total.fingerprint order by last_at desc, shard limit 1)
left join mainspring.error_marks mark on mark.fingerprint = total.fingerprint
left join mainspring.ignored_errors ignored on ignored.fingerprint = total.fingerprint
where (cast(:is_ignored as boolean) is null or cast(:is_ignored as boolean) = (ignored.at is not null)) and ( cast(:is_open as boolean) is null or cast(:is_open as boolean) = (mark.resolved_at is null or total.last_at > mark.resolved_at))
order by total.last_at desc, total.fingerprint limit :n
