-- What tells one state of the store from another, from the ends of indexes: the youngest runs, those that run, the youngest that have ended, the
-- minute that counts now, what is due first, the last word of the audit trail and of the notices, and the small tables of services and nodes.
select 'hot' as what, id::text as a, seq::bigint as b from (select id, seq from mainspring.hot_runs order by id desc limit :newest) as hot
union all
select 'running', id::text, seq from (select id, seq from mainspring.hot_runs where state = 4 limit :running) as running
union all
select 'past', id::text, 0 from (select id from mainspring.history order by id desc limit :newest) as past
union all
select 'ended', bucket::text, sum(n)::bigint from mainspring.stats
where bucket = (select bucket from mainspring.stats order by bucket desc limit 1) group by bucket
union all
select 'due', (select run_at::text from mainspring.hot_runs where state = 2 order by run_at limit 1), 0
union all
select 'audit', (select id::text from mainspring.audit order by id desc limit 1), 0
union all
select 'notices', (select id::text from mainspring.notices order by id desc limit 1), 0
union all
select 'service', name || ' ' || node, version * 4::bigint + coalesce(is_healthy::int, 2) from mainspring.services
union all
select 'node', id::text, state * 100000::bigint + running from mainspring.nodes
