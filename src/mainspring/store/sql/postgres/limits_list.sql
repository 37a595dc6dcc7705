-- Limits past a key with what is known of each: what goes, and what waits, up to a bound.
select own.key, own.code, own.override, own.follows, shared.code as shared_code, shared.override as shared_override, own.changed_at,
       own.changed_by, own.change_reason,
       (select count(*) from (
            select state from mainspring.hot_runs where own.key like 'queue:%' and limit_queue = own.key and limit_queue is not null and state in (3, 4)
            union all
            select state from mainspring.hot_runs where own.key like 'task:%' and limit_task = own.key and limit_task is not null and state in (3, 4)
            union all
            select state from mainspring.hot_runs where own.key like 'key:%' and limit_key = own.key and limit_key is not null and state in (3, 4)
            limit :bound) as going) as going,
       (select count(*) from (
            select from mainspring.hot_runs where state = 0 and waits_for = own.key limit :bound) as list) as waiting
from mainspring.limits own left join mainspring.limits shared on shared.key = own.follows
where own.key > :after and (:key::text is null or own.key = :key::text)
order by own.key limit :n
