-- How many errors are open: never resolved, or seen again since; and not ignored.
select count(*) as n
from (select fingerprint, max(last_at) as last_at from mainspring.errors group by fingerprint) as total
left join mainspring.error_marks mark on mark.fingerprint = total.fingerprint
where (mark.resolved_at is null or total.last_at > mark.resolved_at)
  and not exists (select 1 from mainspring.ignored_errors ignored where ignored.fingerprint = total.fingerprint)
