-- The same for one tenant, by its index.
select id, task, tenant, actor, state, finished_at, exists (select 1 from mainspring.kept where run_id = id) as is_pinned
from mainspring.history where tenant <> '' and tenant = :tenant and id > :after and id < :before order by id limit :n
