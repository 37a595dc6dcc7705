-- Finished runs of a tenant, by its index.
select id from mainspring.history where tenant <> '' and tenant = :tenant order by id limit :n
