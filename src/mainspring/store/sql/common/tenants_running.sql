-- How many runs of a tenant are being carried out.
select count(*) as n from mainspring.hot_runs where state = 4 and tenant = :tenant
