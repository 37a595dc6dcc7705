-- Declare nodes dead: those whose lease is over, and those named (their lock file was free).
update mainspring.nodes set state = 3
where state in (1, 2) and id <> :me
  and (id in (select value from json_each(:found)) or (lease_until < {NOW} and :may_expire))
returning id, name
