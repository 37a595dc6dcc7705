-- Forget keys that nobody set and that no unfinished run uses now; used again they are made again. A rate is forgotten when its last token is
-- back.
delete from mainspring.limits
where key in (
    select key from mainspring.limits held
    where override is null and code is null and key > :after and created_at < {NOW} - :older_ms::float8 * interval '1 millisecond' and (tat is null or tat < {NOW} - :older_ms::float8 * interval '1 millisecond')
      and coalesce((select false from mainspring.hot_runs where state = 0 and waits_for = held.key limit 1), true)
      and coalesce((select false from mainspring.hot_runs where limit_queue = held.key and limit_queue is not null and state in (3, 4) limit 1), true)
      and coalesce((select false from mainspring.hot_runs where limit_task = held.key and limit_task is not null and state in (3, 4) limit 1), true)
      and coalesce((select false from mainspring.hot_runs where limit_key = held.key and limit_key is not null and state in (3, 4) limit 1), true)
    order by key limit :n for update skip locked)
returning key
