-- Finished runs by span of :width seconds and state since a time, from the kept statistics; those of some tasks are left out.
select date_bin(make_interval(secs => :width::float8), bucket, to_timestamp(0)) as at, state, sum(n) as n
from mainspring.stats
where bucket >= :since::timestamptz and (:task::text is null or task = :task::text) and task <> all(:besides::text[])
group by 1, 2 order by 1, 2
