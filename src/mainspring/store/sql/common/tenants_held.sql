-- Runs of a tenant that are held, past an id.
select id from mainspring.hot_runs
where tenant <> '' and tenant = :tenant and id > :after and state = 1 and reason = 'tenant_suspended' order by id limit :n
