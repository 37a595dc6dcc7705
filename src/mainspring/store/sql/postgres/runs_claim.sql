-- Take up to :n ready runs, lane after lane in the order given. Each lane's index scan starts at its watermark, past the graveyard of dead
-- entries, and stops when enough is found; the id array is computed once, so nothing can be over-claimed. A dead node claims nothing, and a paused
-- queue gives nothing, whatever hints and watermarks remember of it. What a limit binds is left lying until it carries the limit's key.
with bound as materialized (
    select binds_queue, binds_task from mainspring.limits where binds_queue is not null or binds_task is not null
)
update mainspring.hot_runs as run
set state = 4, claim_id = :claim, node_id = :node, started_at = {CLOCK}, attempt = attempt + 1, claim_seq = seq + 1, seq = seq + 2,
    reason = null, attempt_until = {CLOCK} + (timeout_ms + :grace_ms::bigint) * interval '1 millisecond'
where id = any(array(
    select found.id
    from unnest(:queues::text[], :tenants::text[], :pools::smallint[], :priorities::smallint[], :watermarks::timestamptz[])
         as lane(queue, tenant, pool, priority, since)
    cross join lateral (
        select id from mainspring.hot_runs
        where state = 3 and queue = lane.queue and tenant = lane.tenant and pool = lane.pool and priority = lane.priority and ready_at >= lane.since
          and (deadline_at is null or deadline_at > {NOW})
          and (not exists (select from bound)
               or ((limit_queue is not null or queue not in (select binds_queue from bound where binds_queue is not null))
                   and (limit_task is not null or task not in (select binds_task from bound where binds_task is not null))))
        order by ready_at, id limit :n for update skip locked
    ) as found
    where lane.queue not in (select name from mainspring.queues where paused_at is not null)
      and lane.tenant not in (select name from mainspring.tenants where state <> 1)
    limit :n))
  and exists (select 1 from mainspring.nodes where id = :node and state in (1, 2))
returning id, task, params, attempt, retries, max_retries, rescues, max_rescues, timeout_ms, is_repeatable, suspicion,
          queue, tenant, pool, priority, ready_at, params_version,
          case when coalesce(limit_queue, limit_task, limit_key) is not null then json_build_array(limit_queue, limit_task, limit_key)::text end as limits
