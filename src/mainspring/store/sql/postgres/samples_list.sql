-- What waited, by span of :width seconds and queue: the mean of the samples, and the age of the oldest at its worst.
select date_bin(make_interval(secs => :width::float8), at, to_timestamp(0)) as at, queue, avg(ready)::float8 as ready,
       avg(later)::float8 as later, avg(running)::float8 as running, avg(blocked)::float8 as blocked, max(oldest_ms) as oldest_ms
from mainspring.samples
where at >= :since::timestamptz and (:queue::text is null or queue = :queue::text)
group by 1, 2 order by 1, 2
