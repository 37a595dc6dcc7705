-- Take up to :n ready runs, lane after lane in the order given; each lane's index scan stops when enough is found. A paused queue gives
-- nothing, whatever hints remember of it. What a limit binds is left lying until it carries the limit's key.
update mainspring.hot_runs
set state = 4, claim_id = :claim, node_id = :node, started_at = {NOW}, attempt = attempt + 1, claim_seq = seq + 1, seq = seq + 2,
    reason = null, attempt_until = {NOW} + (timeout_ms + :grace_ms) * 1000
where rowid in (
    select found.value
    from json_each(:lanes) lane, json_each((
        select json_group_array(rowid) from (
            select rowid from mainspring.hot_runs
            where state = 3 and queue = lane.value->>0 and tenant = lane.value->>1 and pool = lane.value->>2 and priority = lane.value->>3
              and ready_at >= lane.value->>4
              and (deadline_at is null or deadline_at > {NOW})
              and (not exists (select 1 from mainspring.limits where binds_queue is not null union all
                               select 1 from mainspring.limits where binds_task is not null)
                   or ((limit_queue is not null or queue not in (select binds_queue from mainspring.limits where binds_queue is not null))
                       and (limit_task is not null or task not in (select binds_task from mainspring.limits where binds_task is not null))))
            order by ready_at, id limit :n))) found
    where lane.value->>0 not in (select name from mainspring.queues where paused_at is not null)
      and lane.value->>1 not in (select name from mainspring.tenants where state <> 1)
    limit :n)
  and exists (select 1 from mainspring.nodes where id = :node and state in (1, 2))
returning id, task, params, attempt, retries, max_retries, rescues, max_rescues, timeout_ms, is_repeatable, suspicion,
          queue, tenant, pool, priority, ready_at, params_version,
          case when coalesce(limit_queue, limit_task, limit_key) is not null then json_array(limit_queue, limit_task, limit_key) end as limits
