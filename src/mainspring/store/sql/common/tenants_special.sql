-- Tenants of whom an enqueue has to know: those that are not active, and those with a quota.
select name, state, reason, max_waiting, max_bytes from mainspring.tenants
where state <> 1 or max_waiting is not null or max_bytes is not null order by name
