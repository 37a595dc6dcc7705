-- The finished runs that took the longest, among those of a window as that of runs_window.
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
select id from (
    select id, state, reason, task, queue, tenant, label, priority, origin, schedule_id, node_id, key, actor, created_at, started_at, finished_at
    from mainspring.history where {PAST} and id > :lowest and id < :highest order by {PAST ORDER} limit :window_past) as past
where {WANTED} and {SEEN} and started_at is not null
order by finished_at - started_at desc, id desc limit :n
