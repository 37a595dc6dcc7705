-- Ids that end with the given characters, newest first: what people type. No index knows the end of an id, so the youngest are read.
select id from (
    select cast(id as text) as id from (select id, tenant, actor, task from mainspring.hot_runs order by id desc limit :bound) as hot
    where cast(id as text) like :ending and {SEEN}
    union all
    select cast(id as text) as id from (select id, tenant, actor, task from mainspring.history order by id desc limit :bound) as past
    where cast(id as text) like :ending and {SEEN}
) as found order by id desc limit 3
