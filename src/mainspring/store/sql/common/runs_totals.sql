-- How many runs there are of each state, each up to a bound and by its index alone: 1xx are the states; 2 how many of the youngest that have ended
-- there are, 3 how many of those did not complete, 4 and 5 how many of the youngest failures were looked at, and were lost.
select 100 + state as what, count(*) as n from (select state from mainspring.hot_runs order by id desc limit :bound) as hot group by state
union all
select 111, count(*) from (select id from mainspring.history where state = 11 and state <> 10 limit :bound) as failed
union all
select 112, count(*) from (select id from mainspring.history where state = 12 and state <> 10 limit :bound) as late
union all
select 113, count(*) from (select id from mainspring.history where state = 13 and state <> 10 limit :bound) as cancelled
union all
select 114, count(*) from (select id from mainspring.history where state = 14 and state <> 10 limit :bound) as skipped
union all
select 2, count(*) from (select id from mainspring.history order by id desc limit :bound) as youngest
union all
select 3, count(*) from mainspring.history
where state in (11, 12, 13, 14) and state <> 10
  and id >= coalesce((select id from mainspring.history order by id desc limit 1 offset :beyond), :lowest)
union all
select 4, count(*) from (select reason from mainspring.history where state = 11 and state <> 10 order by id desc limit :few) as failures
union all
select 5, count(*) from (select reason from mainspring.history where state = 11 and state <> 10 order by id desc limit :few) as failures
where reason in ('lost', 'interrupted')
