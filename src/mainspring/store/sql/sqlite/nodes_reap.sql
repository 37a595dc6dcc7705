-- Declare nodes dead: those whose lease is over, and those named (their lock file was free). These have no process any more: their lease is
-- over, too.
update mainspring.nodes
set state = 3, lease_until = case when id in (select value from json_each(:found)) then min(lease_until, {NOW} - 1000) else lease_until end
where id <> :me and (state in (1, 2) or (state = 3 and id in (select value from json_each(:found)) and lease_until >= {NOW}))
  and (id in (select value from json_each(:found)) or (lease_until < {NOW} and :may_expire))
returning id, name
