-- Runs of a tenant that are ready or wait for a limit, past an id.
select id from mainspring.hot_runs
where tenant <> '' and tenant = :tenant and id > :after and (state = 3 or (state = 0 and waits_for is not null)) order by id limit :n
