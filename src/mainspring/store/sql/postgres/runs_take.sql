-- Take one named run, if it is ready: for the caller who carries it out on the spot. (state + 0: as a plain condition it would let the
-- planner walk the lanes for the id, on tables that it believes to be small.)
update mainspring.hot_runs
set state = 4, claim_id = :claim, node_id = :node, started_at = {CLOCK}, attempt = attempt + 1, claim_seq = seq + 1, seq = seq + 2,
    reason = null, attempt_until = {CLOCK} + (timeout_ms + :grace_ms::bigint) * interval '1 millisecond'
where id = (select id from mainspring.hot_runs where id = :id and state + 0 = 3 for update skip locked)
  and (limit_queue is not null or queue not in (select binds_queue from mainspring.limits where binds_queue is not null))
  and (limit_task is not null or task not in (select binds_task from mainspring.limits where binds_task is not null))
  and tenant not in (select name from mainspring.tenants where state <> 1)
  and exists (select 1 from mainspring.nodes where id = :node and state in (1, 2))
returning id, task, params, attempt, retries, max_retries, rescues, max_rescues, timeout_ms, is_repeatable, suspicion,
          queue, tenant, pool, priority, ready_at, params_version,
          case when coalesce(limit_queue, limit_task, limit_key) is not null then json_build_array(limit_queue, limit_task, limit_key)::text end as limits
