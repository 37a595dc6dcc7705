-- How long finished runs took and waited, from the log itself: those that ended since :since and whose last try had begun (a run that was
-- stopped while it waited for its next try is none of them). By task, or by span of :width seconds over the tasks that :task lets through.
select case when :width::float8 is null then task else '' end as task,
       case when :width::float8 is not null
            then to_timestamp(floor(extract(epoch from finished_at) / :width::float8) * :width::float8) end as at,
       count(*) as n,
       avg(ran) as ran_mean, max(ran) as ran_max, percentile_cont(array[0.5, 0.95, 0.99]) within group (order by ran) as ran,
       avg(waited) as waited_mean, max(waited) as waited_max,
       percentile_cont(array[0.5, 0.95, 0.99]) within group (order by waited) as waited
from (
    select task, finished_at, (extract(epoch from finished_at - started_at) * 1000)::float8 as ran,
           (extract(epoch from greatest(started_at - ready_at, interval '0')) * 1000)::float8 as waited
    from mainspring.history
    where finished_at >= :since::timestamptz and (:task::text is null or task = :task::text)
      and (state = 10 or started_at >= ready_at)
) as ended
group by 1, 2 order by 1, 2
