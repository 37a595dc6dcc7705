-- Nodes of a host that count as alive.
select id from mainspring.nodes where host = :host and state in (1, 2) and id <> :me
