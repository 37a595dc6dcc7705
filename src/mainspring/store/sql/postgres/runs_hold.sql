-- Take the runs of a disabled task out of the lanes, and out of the lists of limits. Those that others are writing now come the next time.
with held as (
    update mainspring.hot_runs set state = 1, ready_at = null, waits_for = null, reason = 'disabled', seq = seq + 1
    where id = any(array(select id from mainspring.hot_runs 
        where (state = 3 or (state = 0 and waits_for is not null)) and task = :task limit :n for update skip locked))
    returning id, seq, attempt
),
told as (
    insert into mainspring.events (run_id, seq, at, attempt, kind, data) select id, seq, {CLOCK}, attempt, 8, '{"reason":"disabled"}' from held
)
select id from held
