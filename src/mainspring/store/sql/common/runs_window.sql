-- Ids of runs that a filter lets through, in one direction between two ids: in each table those among the next :window that an index gives.
-- What somebody looks for may be rare: whoever wants to go on does so from the edge of the window, see runs_edge.
--@ id: true | true
--@ task: true | {ONE task :task text}
--@ state: false | {ONE state :state smallint} and state <> 10
--@ tenant: tenant <> '' and {ONE tenant :tenant text} | tenant <> '' and {ONE tenant :tenant text}
--@ actor: {ONE actor :actor text} | {ONE actor :actor text}
--@ label: {ONE label :label text} | {ONE label :label text}
--@ schedule: true | {ONE schedule_id :schedule bigint}
--@ queue: true | queue <> 'default' and {ONE queue :queue text}
--@ key: true | {ONE key :key text}
--@ ids: {ANY id :ids uuid} | {ANY id :ids uuid}
select * from (
    select 0 as part, id from (
        select id, state, reason, task, queue, tenant, label, priority, origin, schedule_id, node_id, key, actor, created_at, started_at, {NOW} as finished_at
        from mainspring.hot_runs where {HOT} and id > :lowest and id < :highest order by {HOT ORDER} limit :window_hot) as hot
    where {WANTED} and {SEEN} {STILL {HOT ORDER}} limit :n) as unfinished
union all
select * from (
    select 1 as part, id from (
        select id, state, reason, task, queue, tenant, label, priority, origin, schedule_id, node_id, key, actor, created_at, started_at, finished_at
        from mainspring.history where {PAST} and id > :lowest and id < :highest order by {PAST ORDER} limit :window_past) as past
    where {WANTED} and {SEEN} {STILL {PAST ORDER}} limit :n) as finished
