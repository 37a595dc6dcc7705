-- The fingerprints that are meant by the type of an error, or by a fingerprint, the latest first.
select fingerprint from (
    select fingerprint, max(last_at) as last_at from mainspring.errors
    where {ANY type :words text} or {ANY fingerprint :words text} group by fingerprint) as found
order by last_at desc limit :n
