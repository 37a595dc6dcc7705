-- How many schedules there are in each state, by the words of the record; late: those that were due a while ago and nobody has seen to.
select word, count(*) as n, sum(word = 'active' and next_at < {NOW} - cast(:late_ms * 1000 as integer)) as late,
       sum(override is not null and code is not null and override <> code) as drifted
from (
    select *, case when not coalesce(is_enabled, coalesce(override, code)->>'enabled', 1) then 'disabled'
                when orphaned_at is not null then 'orphaned'
                when coalesce(override, code)->>'kind' = 'manual' then 'manual'
                when next_slot is null then 'ended'
                when paused_at is not null and resumed_at is null then 'paused' else 'active' end as word
    from mainspring.schedules
    where (:task is null or task = :task) and (:tenant is null or tenant = :tenant)
      and not exists (select 1 from json_each(:words) as word where instr(lower(name || ' ' || task), word.value) = 0)
      and (:tenants is null or tenant in (select value from json_each(:tenants))) and (:owner is null or owner = :owner)
      and (:hidden is null or task not in (select value from json_each(:hidden)))
) as found
group by word
