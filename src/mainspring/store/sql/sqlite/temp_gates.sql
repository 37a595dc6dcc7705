-- Tables of the writing connection: what the overlap policies of some keys say, what needed tasks have done, and what becomes of the runs
-- that are asked.
create temp table if not exists mainspring_gate_said (key text primary key, policy integer, most integer, active integer, first text) without rowid;

create temp table if not exists mainspring_gate_need (
    tenant text, task text, open_id text, past_id text, primary key (tenant, task)) without rowid;

create temp table if not exists mainspring_gate (id text primary key, key text, was integer, way text, verdict text, what text) without rowid
