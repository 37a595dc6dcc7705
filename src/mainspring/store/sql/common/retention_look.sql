-- The next finished runs by id, with what decides whether they stay.
select id, task, tenant, actor, state, finished_at, exists (select 1 from mainspring.kept where run_id = id) as is_pinned
from mainspring.history where id > :after and id < :before order by id limit :n
