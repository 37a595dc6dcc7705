-- Schedules that somebody looks for, in an order (name, next or last), past a place in it. The words for states are those of the record.
select * from (
    select *, case when not coalesce(is_enabled, (coalesce(override, code)::json->>'enabled')::boolean, true) then 'disabled'
                when orphaned_at is not null then 'orphaned'
                when coalesce(override, code)::json->>'kind' = 'manual' then 'manual'
                when next_slot is null then 'ended'
                when paused_at is not null and resumed_at is null then 'paused' else 'active' end as word,
           case :sort::text when 'next' then coalesce((extract(epoch from next_at) * 1000000)::bigint, 9223372036854775807)
                            when 'last' then -coalesce((extract(epoch from fired_at) * 1000000)::bigint, 0) else 0 end as place
    from mainspring.schedules
    where (:task::text is null or task = :task::text) and (:tenant::text is null or tenant = :tenant::text)
      and not exists (select 1 from unnest(:words::text[]) as word where position(word in lower(name || ' ' || task)) = 0)
      and (:tenants::text[] is null or tenant = any(:tenants::text[])) and (:owner::text is null or owner = :owner::text)
      and (:hidden::text[] is null or task <> all(:hidden::text[]))
) as found
where (place, name, tenant) > (:place::bigint, :after::text, :after_tenant::text)
  and (:states::text[] is null or word = any(:states::text[]))
  and (not :drifted::boolean or (override is not null and code is not null and override <> code))
order by place, name, tenant limit :n
