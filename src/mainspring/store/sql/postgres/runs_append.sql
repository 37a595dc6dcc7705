-- Append records (and the latest progress) of running runs: fenced by the claim, numbered on the run's own row. Answers the ids accepted.
with clock as materialized (select {CLOCK} as now),
given as materialized (
    select * from json_to_recordset(:batch) as r(id uuid, claim uuid, progress text, records json)
),
owned as (
    update mainspring.hot_runs run
    set seq = run.seq + json_array_length(given.records), progress = coalesce(given.progress, run.progress)
    from given
    where run.id = any(array(select id from given)) and run.id = given.id and run.claim_id = given.claim
    returning run.id, run.attempt, run.seq - json_array_length(given.records) as base, given.records
),
kept as (
    insert into mainspring.events (run_id, seq, at, attempt, kind, data)
    select owned.id, owned.base + record.ord, clock.now - (record.value->>0)::float8 * interval '1 millisecond', owned.attempt,
           (record.value->>1)::smallint, record.value->>2
    from clock, owned cross join lateral json_array_elements(owned.records) with ordinality as record(value, ord)
)
select id from owned
