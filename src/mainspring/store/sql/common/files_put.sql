-- Add a file whose content is stored. Nobody holds it yet.
insert into mainspring.files (id, created_at, loose_at, size, tenant, name, media_type, sha256)
values (:id, {CLOCK}, {CLOCK}, :size, :tenant, :name, :media_type, :hash)
