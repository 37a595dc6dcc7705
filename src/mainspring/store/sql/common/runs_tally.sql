-- How many runs of each state a filter lets through, and how many were looked at, in windows as those of runs_window.
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
select part, state, is_lost, count(*) as looked, sum(is_wanted) as n from (
    select 0 as part, state, 0 as is_lost, case when {WANTED} and {SEEN} then 1 else 0 end as is_wanted from (
        select id, state, reason, task, queue, tenant, label, priority, origin, schedule_id, node_id, key, actor, created_at, started_at, {NOW} as finished_at
        from mainspring.hot_runs where {HOT} and id > :lowest and id < :highest order by {HOT ORDER} limit :window_hot) as hot
    union all
    select 1, state, case when state = 11 and reason in ('lost', 'interrupted') then 1 else 0 end,
           case when {WANTED} and {SEEN} then 1 else 0 end from (
        select id, state, reason, task, queue, tenant, label, priority, origin, schedule_id, node_id, key, actor, created_at, started_at, finished_at
        from mainspring.history where {PAST} and id > :lowest and id < :highest order by {PAST ORDER} limit :window_past) as past
) as looked group by part, state, is_lost
