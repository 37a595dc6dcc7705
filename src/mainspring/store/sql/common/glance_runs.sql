-- The youngest runs, for shell completion.
select id, task from (
    select * from (select id, task from mainspring.hot_runs order by id desc limit 30) as hot
    union all
    select * from (select id, task from mainspring.history order by id desc limit 30) as past
) as found order by id desc limit 30
