-- Forget keys that nobody set and that no unfinished run uses now; used again they are made again. A rate is forgotten when its last token is
-- back.
delete from mainspring.limits
where key in (
    select key from mainspring.limits held
    where override is null and code is null and key > :after and created_at < {NOW} - :older_ms * 1000 and (tat is null or tat < {NOW} - :older_ms * 1000)
      and not exists (select 1 from mainspring.hot_runs where state = 0 and waits_for = held.key)
      and not exists (select 1 from mainspring.hot_runs where limit_queue = held.key and state in (3, 4))
      and not exists (select 1 from mainspring.hot_runs where limit_task = held.key and state in (3, 4))
      and not exists (select 1 from mainspring.hot_runs where limit_key = held.key and state in (3, 4))
    order by key limit :n)
returning key
