-- Take files that nobody has held for a while, and those whose deletion broke off: from now on nobody can take hold of them.
update mainspring.files set is_going = 1
where id in (
    select id from mainspring.files as loose
    where loose_at < {NOW} - :grace_ms * 1000
      and not exists (select 1 from mainspring.artifacts where file_id = loose.id)
    order by loose_at limit :n)
returning id, name, size, media_type, sha256
