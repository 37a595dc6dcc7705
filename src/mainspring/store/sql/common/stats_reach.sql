-- How far back the latest :most finished runs reach, to the minute: from there on their durations are worth a look into the log.
select coalesce(min(case when total <= :most then bucket end), max(bucket)) as since
from (
    select bucket, sum(sum(n)) over (order by bucket desc) as total
    from mainspring.stats
    where bucket >= :since and (cast(:task as text) is null or task = :task)
    group by bucket
) as spans
