-- How many bytes of files a tenant has, large parameters and results among them.
select coalesce(sum(size), 0) as n from mainspring.files where tenant <> '' and tenant = :tenant
