-- How many ready runs of its queue are claimed before this one; the count stops at a bound.
select count(*) as n from (
    select 1 from mainspring.hot_runs me
    join mainspring.hot_runs other on other.state = 3 and other.queue = me.queue and other.tenant = me.tenant and other.pool = me.pool
                                  and (other.priority, other.ready_at, other.id) < (me.priority, me.ready_at, me.id)
    where me.id = :id and me.state = 3 limit :bound) as ahead
