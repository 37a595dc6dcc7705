-- Keep what running runs leave behind, fenced by the claim; answers the files accepted. To ask twice changes nothing.
insert into mainspring.files (id, created_at, size, tenant, name, media_type, sha256)
select value->>'id', {CLOCK}, value->>'size', run.tenant, value->>'name', value->>'media_type', value->>'sha256'
from json_each(:batch) join mainspring.hot_runs run on run.id = value->>'run_id' and run.claim_id = value->>'claim'
where true
on conflict do nothing;

insert into mainspring.artifacts (run_id, file_id, created_at, attempt, role, name)
select run.id, value->>'id', {CLOCK}, value->>'attempt', value->>'role', value->>'name'
from json_each(:batch) join mainspring.hot_runs run on run.id = value->>'run_id' and run.claim_id = value->>'claim'
where true
on conflict do nothing;

select value->>'id' as id
from json_each(:batch) join mainspring.hot_runs run on run.id = value->>'run_id' and run.claim_id = value->>'claim'
