-- Unfinished runs of a tenant that nobody has asked to stop, by its index.
select id from mainspring.hot_runs where tenant <> '' and tenant = :tenant and not (state = 4 and cancel_requested) order by id limit :n
