-- Take files that nobody has held for a while, and those whose deletion broke off: from now on nobody can take hold of them. A look for each
-- file, by limit: a join would read all of artifacts.
update mainspring.files set is_going = true
where id = any(array(
    select id from mainspring.files as loose
    where loose_at < {NOW} - :grace_ms::float8 * interval '1 millisecond'
      and (select true from mainspring.artifacts where file_id = loose.id limit 1) is null
    order by loose_at limit :n for update skip locked))
returning id, name, size, media_type, sha256
