-- Append records (and the latest progress) of running runs: fenced by the claim, numbered on the run's own row. Answers the ids accepted.
insert into mainspring.events (run_id, seq, at, attempt, kind, data)
select run.id, run.seq + record.key + 1, {NOW} - cast(record.value->>0 * 1000 as integer), run.attempt, record.value->>1, record.value->>2
from json_each(:batch) given
join mainspring.hot_runs run on run.id = given.value->>'id' and run.claim_id = given.value->>'claim'
join json_each(given.value->'records') record;

update mainspring.hot_runs as run
set seq = run.seq + json_array_length(given.value->'records'), progress = coalesce(given.value->>'progress', run.progress)
from json_each(:batch) given
where run.id = given.value->>'id' and run.claim_id = given.value->>'claim'
returning id
