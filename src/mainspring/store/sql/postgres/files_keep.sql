-- Files that count as loose although a run holds them: a hold and a release had met.
update mainspring.files set loose_at = null
where loose_at < {NOW} - :grace_ms::float8 * interval '1 millisecond' and not is_going
  and (select true from mainspring.artifacts where file_id = files.id limit 1)
