-- Queues that hold runs or were ever paused, for shell completion.
select name, min(about) as about from (
    select distinct queue as name, '' as about from (select queue from mainspring.hot_runs order by id desc limit 5000) as young
    union all select name, case when paused_at is null then '' else 'paused' end from mainspring.queues
) as found group by name order by name
