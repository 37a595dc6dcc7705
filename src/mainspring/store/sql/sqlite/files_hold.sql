-- Let runs that are about to be added hold files of their tenant; answers the files that are there. A file that is going is not.
update mainspring.files set loose_at = null
where id in (select value->>'file_id' from json_each(:batch)) and tenant = :tenant and not is_going;

insert into mainspring.artifacts (run_id, file_id, created_at, role, name)
select value->>'run_id', files.id, {CLOCK}, value->>'role', files.name
from json_each(:batch) join mainspring.files as files on files.id = value->>'file_id'
where tenant = :tenant and not is_going
on conflict do nothing;

select id, name, size, media_type, sha256 from mainspring.files
where id in (select value->>'file_id' from json_each(:batch)) and tenant = :tenant and not is_going
