-- When schedules are due next, by task and tenant, and how many there are.
select task, tenant, count(*) as n,
       min(case when is_off = 0 then next_at end) as next_at
from (
    select task, tenant, next_at,
           case when (paused_at is not null and resumed_at is null) or orphaned_at is not null or not is_enabled then 1 else 0 end as is_off
    from mainspring.schedules
) as each_of group by task, tenant order by task, tenant
