-- Say that this process lives.
insert into mainspring.nodes (id, name, host, pid, state, started_at, beat_at, lease_until, facts)
select :id, :name, :host, :pid, 1, now, now, now + :lease_ms::float8 * interval '1 millisecond', :facts from (select {CLOCK} as now) as clock
