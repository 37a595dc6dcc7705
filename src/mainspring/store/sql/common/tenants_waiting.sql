-- How many runs of a tenant wait, up to a bound.
select count(*) as n from (
    select 1 from mainspring.hot_runs where tenant <> '' and tenant = :tenant and state <> 4 limit :bound) as counted
