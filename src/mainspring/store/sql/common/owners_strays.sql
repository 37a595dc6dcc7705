-- Runs that are held although nobody's owner and no tenant's state is in their way.
select id, reason from mainspring.hot_runs
where state = 1 and reason in ('tenant_suspended', 'owner_gone')
  and case reason when 'owner_gone' then actor not in (select name from mainspring.owners where lost_at is not null)
                  else tenant not in (select name from mainspring.tenants where state <> 1) end
order by reason, id limit :n
