-- Ids of runs that a person looks for by more than state and queue, newest first, below :before. A state is looked for in a list of
-- numbers between commas; :lowest only spares the search what is too old for :since, whatever clock the ids were made with.
-- By the index of tasks.
select id from (
    select * from (
        select id from mainspring.hot_runs
        where id < :before and id >= :lowest and created_at >= :since and created_at < :until and {SEEN}
          and (cast(:states as text) is null or :states like '%,' || state || ',%' or (state = 11 and :lost like '%,' || reason || ',%'))
          and (cast(:reason as text) is null or reason = :reason)
          and task = :task
          and (cast(:queue as text) is null or queue = :queue) and (cast(:label as text) is null or label = :label)
          and (cast(:origin as text) is null or origin = :origin) and (cast(:priority as smallint) is null or priority = :priority)
          and (cast(:schedule as bigint) is null or schedule_id = :schedule)
        order by id desc limit :n) as unfinished
    union all
    select * from (
        select id from mainspring.history
        where id < :before and id >= :lowest and created_at >= :since and created_at < :until and {SEEN}
          and (cast(:states as text) is null or :states like '%,' || state || ',%' or (state = 11 and :lost like '%,' || reason || ',%'))
          and (cast(:reason as text) is null or reason = :reason)
          and task = :task
          and (cast(:queue as text) is null or queue = :queue) and (cast(:label as text) is null or label = :label)
          and (cast(:origin as text) is null or origin = :origin) and (cast(:priority as smallint) is null or priority = :priority)
          and (cast(:schedule as bigint) is null or schedule_id = :schedule)
        order by id desc limit :n) as finished
) as page order by id desc limit :n
