-- What tells one state of the store from another, from the ends of indexes: the youngest runs, those that run, the youngest that have ended, the
-- minute that counts now, what is due first, the last word of the audit trail and of the notices, and the small tables of services and nodes.
select 'hot' as what, id as a, seq as b from (select id, seq from mainspring.hot_runs order by id desc limit :newest)
union all
select 'running', id, seq from (select id, seq from mainspring.hot_runs where state = 4 limit :running)
union all
select 'past', id, 0 from (select id from mainspring.history order by id desc limit :newest)
union all
select 'ended', bucket, sum(n) from mainspring.stats where bucket = (select max(bucket) from mainspring.stats) group by bucket
union all
select 'due', min(run_at), 0 from mainspring.hot_runs where state = 2
union all
select 'audit', max(id), 0 from mainspring.audit
union all
select 'notices', max(id), 0 from mainspring.notices
union all
select 'service', name || ' ' || node, version * 4 + coalesce(is_healthy, 2) from mainspring.services
union all
select 'node', id, state * 100000 + running from mainspring.nodes
