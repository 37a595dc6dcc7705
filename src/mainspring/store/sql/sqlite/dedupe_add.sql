-- Add runs whose keys say more than "answer the unfinished one"; answers (ord, id, how, state). A key is in a batch once. What each request
-- meets is written down first, in a table of this connection, because each later statement changes it.
delete from temp.mainspring_asked;

insert into temp.mainspring_asked (ord, id, value, tenant, task, key, policy, due, pause, limited, winner, how)
select value->>'ord', value->>'id', value, value->>'tenant', value->>'task', value->>'key', value->>'policy',
       coalesce(value->>'run_at', {NOW} + cast(value->>'delay_ms' * 1000 as integer)), cast(value->>'window_ms' * 1000 as integer),
       coalesce(value->>'limit_queue', value->>'limit_task', value->>'limit_key'), known.winner, known.how
from json_each(:batch)
left join (
    select id, id as winner, 'again' as how from mainspring.hot_runs where id in (select value->>'id' from json_each(:batch))
    union all
    select id, id, 'again' from mainspring.history where :is_repeated and id in (select value->>'id' from json_each(:batch))
    union all
    select id, run_id, how from mainspring.dedupe_requests where :is_repeated and id in (select value->>'id' from json_each(:batch))
) known on known.id = value->>'id';

update temp.mainspring_asked as asked set held = run.id, was = run.state, since = run.created_at
from mainspring.hot_runs run
where how is null and run.tenant = asked.tenant and run.task = asked.task and run.key = asked.key;

update temp.mainspring_asked set winner = held, how = case policy when 'reject' then 'rejected' else 'existing' end
where how is null and held is not null and policy not in ('replace', 'debounce');

update temp.mainspring_asked as asked set winner = entry.run_id, how = 'existing'
from mainspring.dedupe entry
where how is null and policy = 'once' and entry.tenant = asked.tenant and entry.task = asked.task and entry.key = asked.key
  and (entry.expires_at is null or entry.expires_at > {NOW});

insert into mainspring.dedupe (tenant, task, key, run_id, expires_at)
select tenant, task, key, coalesce(held, id), coalesce(since, {NOW}) + pause
from temp.mainspring_asked
where policy = 'once' and (held is null and how is null or held is not null and (pause is null or since + pause > {NOW}))
on conflict (tenant, task, key) do update set run_id = excluded.run_id, expires_at = excluded.expires_at
    where expires_at <= {NOW};

update temp.mainspring_asked
set how = case policy when 'debounce' then 'debounced' else 'replaced' end, winner = held,
    due = case policy when 'debounce' then max(due, min({NOW} + pause, since + cast(value->>'longest' as integer) * pause)) else due end,
    is_in_line = (select (run.queue, run.pool, run.priority) = (value->>'queue', value->>'pool', value->>'priority')
                         and run.limit_queue is value->>'limit_queue' and run.limit_task is value->>'limit_task'
                         and run.limit_key is value->>'limit_key'
                  from mainspring.hot_runs run where run.id = held),
    is_held = (select was = 1 and run.gate = 0 from mainspring.hot_runs run where run.id = held),  -- by a switch, say
    to_ask = (select case when run.gate = 0 and run.overlap_key is value->>'overlap_key' and run.depends is value->>'depends' then 0
                          else value->>'gate' end
              from mainspring.hot_runs run where run.id = held)
where how is null and was < 4 and policy in ('replace', 'debounce');

insert into mainspring.events (run_id, seq, at, attempt, kind, data)
select run.id, run.seq + 1, {NOW}, run.attempt, case when was >= 4 then 12 else 11 end,
       case when was >= 4 then value->>'handed' else value->>'told' end
from temp.mainspring_asked join mainspring.hot_runs run on run.id = held
where policy in ('replace', 'debounce');

insert into mainspring.dedupe_requests (id, run_id, how, expires_at)
select id, held, how, {NOW} + 3600000000 from temp.mainspring_asked where held is not null and how in ('replaced', 'debounced');

update mainspring.hot_runs as run
set params = value->>'params', params_version = value->>'params_version', queue = value->>'queue', priority = value->>'priority',
    pool = case when run.suspicion >= 2 then run.pool else value->>'pool' end,
    state = case when pending_deps > 0 then 0 when due > {NOW} or to_ask > 0 then 2 when is_held then 1 when is_in_line and was in (0, 3) then was
                 when limited is not null then 0 else 3 end,
    run_at = due,
    ready_at = case when pending_deps > 0 or due > {NOW} or to_ask > 0 or is_held then null when is_in_line and was in (0, 3) then run.ready_at
                    when limited is not null then null else {NOW} end,
    waits_for = case when pending_deps > 0 or due > {NOW} or to_ask > 0 or is_held then null
                     when is_in_line and was = 0 then coalesce(run.waits_for, limited) when is_in_line and was = 3 then null else limited end,
    reason = case when pending_deps > 0 then run.reason when due > {NOW} or to_ask > 0 then null when is_held then run.reason
                  when is_in_line and was = 3 or limited is null then null else 'limit' end,
    schedule_id = value->>'schedule_id', slot_at = value->>'slot_at', gate = to_ask, overlap = value->>'overlap',
    overlap_most = value->>'overlap_most', overlap_key = value->>'overlap_key', depends = value->>'depends', blocked_by = null, blocked_on = null,
    deadline_at = {NOW} + cast(value->>'deadline_ms' * 1000 as integer), timeout_ms = value->>'timeout_ms',
    retries = 0, max_retries = value->>'max_retries', rescues = 0, max_rescues = value->>'max_rescues',
    is_repeatable = value->>'is_repeatable', label = value->>'label', origin = value->>'origin', actor = value->>'actor',
    meta = value->>'meta', limit_queue = value->>'limit_queue', limit_task = value->>'limit_task', limit_key = value->>'limit_key',
    seq = run.seq + 1
from temp.mainspring_asked
where run.id = held and how in ('replaced', 'debounced');

update mainspring.hot_runs as run set key = null, seq = run.seq + 1
from temp.mainspring_asked where run.id = held and how is null and was >= 4;

update temp.mainspring_asked set how = 'new', winner = id,
    due = case policy when 'debounce' then max(due, {NOW} + pause) else due end
where how is null;

insert into mainspring.hot_runs (
    id, created_at, run_at, ready_at, deadline_at, retry_of, timeout_ms, state, pool, priority, max_retries, max_rescues,
    params_version, is_repeatable, queue, tenant, task, key, label, origin, actor, params, meta, limit_queue, limit_task, limit_key,
    waits_for, reason, schedule_id, slot_at, gate, overlap, overlap_most, overlap_key, depends)
select id, {NOW}, due, case when due > {NOW} or value->>'gate' > 0 or limited is not null then null else {NOW} end,
       {NOW} + cast(value->>'deadline_ms' * 1000 as integer), value->>'retry_of', value->>'timeout_ms',
       case when due > {NOW} or value->>'gate' > 0 then 2 when limited is not null then 0 else 3 end, value->>'pool', value->>'priority', value->>'max_retries',
       value->>'max_rescues', value->>'params_version', value->>'is_repeatable', value->>'queue', tenant, task, key, value->>'label',
       value->>'origin', value->>'actor', value->>'params', value->>'meta', value->>'limit_queue', value->>'limit_task', value->>'limit_key',
       case when due <= {NOW} and value->>'gate' = 0 then limited end,
       case when due <= {NOW} and value->>'gate' = 0 and limited is not null then 'limit' end,
       value->>'schedule_id', value->>'slot_at', value->>'gate', value->>'overlap', value->>'overlap_most', value->>'overlap_key',
       value->>'depends'
from temp.mainspring_asked where how = 'new';

update mainspring.dedupe as entry set run_id = asked.id
from temp.mainspring_asked asked
where asked.how = 'new' and entry.tenant = asked.tenant and entry.task = asked.task and entry.key = asked.key
  and entry.run_id = asked.value->>'retry_of';

select ord, winner as id, how, was as state from temp.mainspring_asked order by ord
