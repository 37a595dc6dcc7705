-- Take named runs out of the lanes, and out of the lists of limits, for a reason. Those that others are writing now come the next time.
with held as (
    update mainspring.hot_runs set state = 1, ready_at = null, waits_for = null, reason = :reason, seq = seq + 1
    where id = any(array(select id from mainspring.hot_runs
        where id = any(:ids::uuid[]) and (state + 0 = 3 or (state + 0 = 0 and waits_for is not null)) for update skip locked))
    returning id, seq, attempt
),
told as (
    insert into mainspring.events (run_id, seq, at, attempt, kind, data)
    select id, seq, {CLOCK}, attempt, 8, json_build_object('reason', :reason::text)::text from held
)
select id from held
