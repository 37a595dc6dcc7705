-- Keep what running runs leave behind, fenced by the claim; answers the files accepted. To ask twice changes nothing.
with given as materialized (
    select r.*, run.tenant
    from json_to_recordset(:batch) as r(
        run_id uuid, claim uuid, attempt integer, role smallint, id uuid, name text, size bigint, media_type text, sha256 text)
    join mainspring.hot_runs run on run.id = r.run_id and run.claim_id = r.claim
    where run.id = any(array(select s.run_id from json_to_recordset(:batch) as s(run_id uuid)))
),
made as (
    insert into mainspring.files (id, created_at, size, tenant, name, media_type, sha256)
    select id, {CLOCK}, size, tenant, name, media_type, sha256 from given order by id
    on conflict do nothing
),
linked as (
    insert into mainspring.artifacts (run_id, file_id, created_at, attempt, role, name)
    select run_id, id, {CLOCK}, attempt, role, name from given order by run_id, id
    on conflict do nothing
)
select id from given
