-- How many schedules there are in each state, by the words of the record; late: those that were due a while ago and nobody has seen to.
select word, count(*) as n,
       count(*) filter (where word = 'active' and next_at < {NOW} - :late_ms::float8 * interval '1 millisecond') as late,
       count(*) filter (where override is not null and code is not null and override <> code) as drifted
from (
    select *, case when not coalesce(is_enabled, (coalesce(override, code)::json->>'enabled')::boolean, true) then 'disabled'
                when orphaned_at is not null then 'orphaned'
                when coalesce(override, code)::json->>'kind' = 'manual' then 'manual'
                when next_slot is null then 'ended'
                when paused_at is not null and resumed_at is null then 'paused' else 'active' end as word
    from mainspring.schedules
    where (:task::text is null or task = :task::text) and (:tenant::text is null or tenant = :tenant::text)
      and not exists (select 1 from unnest(:words::text[]) as word where position(word in lower(name || ' ' || task)) = 0)
      and (:tenants::text[] is null or tenant = any(:tenants::text[])) and (:owner::text is null or owner = :owner::text)
      and (:hidden::text[] is null or task <> all(:hidden::text[]))
) as found
group by word
