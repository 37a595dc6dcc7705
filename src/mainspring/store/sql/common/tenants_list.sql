-- Tenants that somebody has said something of, past one, by name.
select * from mainspring.tenants where name > :after and (cast(:state as smallint) is null or state = :state) order by name limit :n
