-- Files that count as loose although a run holds them: a hold and a release had met.
update mainspring.files set loose_at = null
where loose_at < {NOW} - :grace_ms * 1000 and not is_going
  and exists (select 1 from mainspring.artifacts where file_id = mainspring.files.id)
