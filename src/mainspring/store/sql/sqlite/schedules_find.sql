-- Schedules that somebody looks for, in an order (name, next or last), past a place in it. The words for states are those of the record.
select * from (
    select *, case when not coalesce(is_enabled, coalesce(override, code)->>'enabled', 1) then 'disabled'
                when orphaned_at is not null then 'orphaned'
                when coalesce(override, code)->>'kind' = 'manual' then 'manual'
                when next_slot is null then 'ended'
                when paused_at is not null and resumed_at is null then 'paused' else 'active' end as word,
           case :sort when 'next' then coalesce(next_at, 9223372036854775807) when 'last' then -coalesce(fired_at, 0) else 0 end as place
    from mainspring.schedules
    where (:task is null or task = :task) and (:tenant is null or tenant = :tenant)
      and not exists (select 1 from json_each(:words) as word where instr(lower(name || ' ' || task), word.value) = 0)
      and (:tenants is null or tenant in (select value from json_each(:tenants))) and (:owner is null or owner = :owner)
      and (:hidden is null or task not in (select value from json_each(:hidden)))
) as found
where (place, name, tenant) > (:place, :after, :after_tenant)
  and (:states is null or word in (select value from json_each(:states)))
  and (not :drifted or (override is not null and code is not null and override <> code))
order by place, name, tenant limit :n
