-- Files by id, as far as they are still there.
select id, tenant, name, size, media_type, sha256 from mainspring.files where id = any(:ids::uuid[]) and not is_going
