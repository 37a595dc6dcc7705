-- Write down that a pulse begins; no row where its request has been taken before.
insert into mainspring.pulses (source, node_id, budget_ms, started_at, request) values (:source, :node, :budget_ms, {NOW}, :request)
on conflict (request) where request is not null do nothing
returning id
