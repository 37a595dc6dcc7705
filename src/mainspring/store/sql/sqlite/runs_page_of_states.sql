-- One page of runs in certain states, of which completed is none: as runs_page, but by the index of what did not complete, state by state,
-- so that few failures in a long history are found at once, and what is unfinished is not looked for there.
select * from (
    select * from (
        select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, started_at,
               null as finished_at, node_id, params, null as result, error, progress, key, label, origin, actor, retry_of,
               cancel_requested, cancelled_by, seq, claim_seq,
            schedule_id, slot_at, blocked_by, blocked_on
        from mainspring.hot_runs
        where id < :before and state in (select value from json_each(:states)) and (:task is null or task = :task)
          and (:queue is null or queue = :queue) and (:label is null or label = :label)
        order by id desc limit :n_unfinished)
    union all
    select past.id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, started_at,
           finished_at, node_id, params, result, error, progress, past.key, label, origin, actor, retry_of, 0, cancelled_by, seq, claim_seq,
            schedule_id, slot_at, blocked_by, blocked_on
    from json_each(:final_states) wanted
    join json_each((
        select json_group_array(id) from (
            select id from mainspring.history
            where state = wanted.value and state <> 10 and id < :before and (:task is null or task = :task)
              and (:queue is null or queue = :queue) and (:label is null or label = :label)
            order by id desc limit :n))) found
    join mainspring.history past on past.id = found.value
) order by id desc limit :n
