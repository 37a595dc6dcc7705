-- Tenants that say for themselves how long their finished runs are kept.
select name, completed_ms, others_ms from mainspring.tenants where completed_ms is not null or others_ms is not null order by name
