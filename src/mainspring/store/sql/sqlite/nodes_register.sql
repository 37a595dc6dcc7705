-- Say that this process lives.
insert into mainspring.nodes (id, name, host, pid, state, started_at, beat_at, lease_until, facts)
values (:id, :name, :host, :pid, 1, {NOW}, {NOW}, {NOW} + cast(:lease_ms * 1000 as integer), :facts)
