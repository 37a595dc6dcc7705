-- Declare nodes dead on behalf of one that will not live long enough to beat. The lease of a pulse reaches past the end of its budget, without
-- beats: once it is over, nothing of it runs. Others may only be unable to beat: they get the time of three leases more.
update mainspring.nodes set state = 3
where state in (1, 2) and id <> :me and lease_until < {NOW}
  and (facts::json->>'role' = 'pulse' or lease_until < {NOW} - 3 * (lease_until - beat_at))
returning id
