-- Errors that are alike, counted over the shards, with what was said about them.
select seen.fingerprint, min(seen.task) as task, min(seen.kind) as error_kind, min(seen.type) as type, sum(seen.n) as n, min(seen.first_at) as first_at,
       max(seen.last_at) as last_at, mark.resolved_at, mark.resolved_by, mark.reason
from mainspring.errors seen left join mainspring.error_marks mark on mark.fingerprint = seen.fingerprint
group by seen.fingerprint, mark.resolved_at, mark.resolved_by, mark.reason order by seen.fingerprint
