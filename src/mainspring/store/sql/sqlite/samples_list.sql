-- What waited, by span of :width seconds and queue: the mean of the samples, and the age of the oldest at its worst.
select at - at % cast(:width * 1000000 as integer) as at, queue, avg(ready) as ready, avg(later) as later, avg(running) as running,
       avg(blocked) as blocked, max(oldest_ms) as oldest_ms
from mainspring.samples
where at >= :since and (:queue is null or queue = :queue)
group by 1, 2 order by 1, 2
