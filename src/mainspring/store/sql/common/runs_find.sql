-- Ids that end with the given characters, newest first: what people type.
select id from (
    select cast(id as text) as id from mainspring.hot_runs where cast(id as text) like :ending
    union all
    select cast(id as text) as id from mainspring.history where cast(id as text) like :ending
) as found order by id desc limit 3
