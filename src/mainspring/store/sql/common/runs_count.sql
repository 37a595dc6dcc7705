-- How many runs a person's filter lets through, exactly; see runs_filter. By id.
select (
    select count(*) from mainspring.hot_runs
    where id < :before and id >= :lowest and created_at >= :since and created_at < :until and {SEEN}
        and (cast(:states as text) is null or :states like '%,' || state || ',%' or (state = 11 and :lost like '%,' || reason || ',%'))
        and (cast(:reason as text) is null or reason = :reason)
        and (cast(:task as text) is null or task = :task)
        and (cast(:queue as text) is null or queue = :queue) and (cast(:label as text) is null or label = :label)
        and (cast(:origin as text) is null or origin = :origin) and (cast(:priority as smallint) is null or priority = :priority)
        and (cast(:schedule as bigint) is null or schedule_id = :schedule)
) + (
    select count(*) from mainspring.history
    where id < :before and id >= :lowest and created_at >= :since and created_at < :until and {SEEN}
        and (cast(:states as text) is null or :states like '%,' || state || ',%' or (state = 11 and :lost like '%,' || reason || ',%'))
        and (cast(:reason as text) is null or reason = :reason)
        and (cast(:task as text) is null or task = :task)
        and (cast(:queue as text) is null or queue = :queue) and (cast(:label as text) is null or label = :label)
        and (cast(:origin as text) is null or origin = :origin) and (cast(:priority as smallint) is null or priority = :priority)
        and (cast(:schedule as bigint) is null or schedule_id = :schedule)
) as n
