-- One page of runs of one task: as runs_page, but by the index of tasks, so that a rare task in a long history is found at once.
select * from (
    select * from (
        select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, started_at,
               null as finished_at, node_id, params, null as result, error, progress, key, label, origin, actor, retry_of,
               cancel_requested, cancelled_by, seq, claim_seq,
            schedule_id, slot_at, blocked_by, blocked_on
        from mainspring.hot_runs
        where id < :before and (:states is null or state in (select value from json_each(:states))) and task = :task
          and (:queue is null or queue = :queue) and (:label is null or label = :label)
        order by id desc limit :n_unfinished)
    union all
    select * from (
        select id, task, state, reason, queue, tenant, priority, attempt, retries, max_retries, rescues, created_at, run_at, started_at,
               finished_at, node_id, params, result, error, progress, key, label, origin, actor, retry_of, 0, cancelled_by, seq, claim_seq,
            schedule_id, slot_at, blocked_by, blocked_on
        from mainspring.history
        where id < :before and (:states is null or state in (select value from json_each(:states))) and task = :task
          and (:queue is null or queue = :queue) and (:label is null or label = :label)
        order by id desc limit :n)
) order by id desc limit :n
