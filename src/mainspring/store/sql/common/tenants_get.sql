-- One tenant that somebody has said something of.
select * from mainspring.tenants where name = :name
