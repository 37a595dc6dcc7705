-- Limits past a key with what is known of each: what goes, and what waits, up to a bound.
select own.key, own.code, own.override, own.follows, shared.code as shared_code, shared.override as shared_override, own.changed_at,
       own.changed_by, own.change_reason,
       case when own.key like 'queue:%'
            then (select count(*) from (select 1 from mainspring.hot_runs where limit_queue = own.key and state in (3, 4) limit :bound))
            when own.key like 'task:%'
            then (select count(*) from (select 1 from mainspring.hot_runs where limit_task = own.key and state in (3, 4) limit :bound))
            else (select count(*) from (select 1 from mainspring.hot_runs where limit_key = own.key and state in (3, 4) limit :bound)) end as going,
       (select count(*) from (select 1 from mainspring.hot_runs where state = 0 and waits_for = own.key limit :bound)) as waiting
from mainspring.limits own left join mainspring.limits shared on shared.key = own.follows
where own.key > :after and (:key is null or own.key = :key)
order by own.key limit :n
