-- Make due runs ready.
update mainspring.hot_runs set state = 3, ready_at = {NOW}, reason = null
where id in (select id from mainspring.hot_runs where state = 2 and run_at <= {NOW} order by run_at limit :n)
returning queue, tenant, pool, priority
