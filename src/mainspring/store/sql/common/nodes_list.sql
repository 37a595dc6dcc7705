-- All nodes that are remembered, the youngest first.
select id, name, host, pid, state, started_at, beat_at, lease_until, running, facts, vitals, command, commanded_at, commanded_by, command_reason
from mainspring.nodes order by started_at desc, id
