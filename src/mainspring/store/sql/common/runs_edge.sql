-- Where the windows of runs_window end: the last id of each, or null where its table has no more.
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
select (select id from (
            select id from mainspring.hot_runs where {HOT} and id > :lowest and id < :highest order by {HOT ORDER} limit :window_hot) as hot
        limit :has_hot offset :beyond) as hot,
       (select id from (
            select id from mainspring.history where {PAST} and id > :lowest and id < :highest order by {PAST ORDER} limit :window_past) as past
        limit :has_past offset :beyond) as past
