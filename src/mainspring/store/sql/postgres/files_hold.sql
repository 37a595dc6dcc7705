-- Let runs that are about to be added hold files of their tenant; answers the files that are there. A file that is going is not. Locked in
-- the order of ids, so that two callers with the same files do not wait for each other.
with given as materialized (
    select * from json_to_recordset(:batch) as r(run_id uuid, file_id uuid, role smallint)
),
there as materialized (
    select id from mainspring.files
    where id = any(array(select file_id from given)) and tenant = :tenant and not is_going
    order by id for update
),
held as (
    update mainspring.files set loose_at = null where id = any(array(select id from there))
    returning id, name, size, media_type, sha256
),
linked as (
    insert into mainspring.artifacts (run_id, file_id, created_at, role, name)
    select given.run_id, held.id, {CLOCK}, given.role, held.name from given join held on held.id = given.file_id
    on conflict do nothing
)
select id, name, size, media_type, sha256 from held
