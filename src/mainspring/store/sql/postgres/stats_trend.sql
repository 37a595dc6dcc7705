-- Finished runs by span of :width seconds and state since a time, from the kept statistics.
select to_timestamp(floor(extract(epoch from bucket) / :width::float8) * :width::float8) as at, state, sum(n) as n
from mainspring.stats where bucket >= :since and (:task::text is null or task = :task::text) group by 1, 2 order by 1, 2
