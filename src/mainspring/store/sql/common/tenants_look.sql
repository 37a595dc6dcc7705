-- What there is to do for a steward, by kind: tenants and people that are to be looked at, and whether there are any of some sorts.
select 'tenant' as kind, name from mainspring.tenants where is_moving
union all
select 'owner', name from mainspring.owners where is_moving
union all
select 'lost', name from mainspring.owners where lost_at is not null
union all
select * from (select 'suspended' as kind, name from mainspring.tenants where state = 2 limit 1) as suspended
union all
select * from (select 'local' as kind, name from mainspring.owners where kind = 'local' limit 1) as some_local
union all
select * from (select 'people' as kind, name from mainspring.owners limit 1) as people
union all
select * from (select 'held' as kind, reason from mainspring.hot_runs where state = 1 and reason in ('tenant_suspended', 'owner_gone') limit 1) as held
