-- Make due runs ready. Predicates use {NOW}, which is stable and so an index condition; a volatile clock cost 283 ms against 0.7.
update mainspring.hot_runs set state = 3, ready_at = {CLOCK}, reason = null
where id = any(array(
    select id from mainspring.hot_runs where state = 2 and run_at <= {NOW} order by run_at limit :n for update skip locked))
returning queue, tenant, pool, priority
