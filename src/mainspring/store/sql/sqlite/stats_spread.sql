-- How long finished runs took and waited, from the log itself: those that ended since :since and whose last try had begun (a run that was
-- stopped while it waited for its next try is none of them). By task, or by span of :width seconds over the tasks that :task lets through.
-- A percentile lies between two ranks: each is weighed by how near it is, so that the sum interpolates as percentile_cont does.
with ended as (
    select case when :width is null then task else '' end as task,
           case when :width is not null then finished_at - finished_at % cast(:width * 1000000 as integer) end as at,
           (finished_at - started_at) / 1000.0 as ran, max(coalesce(started_at - ready_at, 0), 0) / 1000.0 as waited
    from mainspring.history
    where finished_at >= :since and (:task is null or task = :task) and (state = 10 or started_at >= ready_at)
),
ranked as (
    select task, at, ran, waited, count(*) over (partition by task, at) - 1 as last,
           row_number() over (partition by task, at order by ran) - 1 as by_ran,
           row_number() over (partition by task, at order by waited) - 1 as by_waited
    from ended
)
select task, at, count(*) as n,
       avg(ran) as ran_mean, max(ran) as ran_max,
       json_array(sum(ran * max(0, 1 - abs(by_ran - last * 0.5))), sum(ran * max(0, 1 - abs(by_ran - last * 0.95))),
                  sum(ran * max(0, 1 - abs(by_ran - last * 0.99)))) as ran,
       avg(waited) as waited_mean, max(waited) as waited_max,
       json_array(sum(waited * max(0, 1 - abs(by_waited - last * 0.5))), sum(waited * max(0, 1 - abs(by_waited - last * 0.95))),
                  sum(waited * max(0, 1 - abs(by_waited - last * 0.99)))) as waited
from ranked
group by task, at order by task, at
