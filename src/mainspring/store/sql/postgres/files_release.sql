-- Let runs go of their files; what no other run holds is loose since long ago, so that the next sweep takes it. Their search terms go too.
with gone as (
    delete from mainspring.artifacts where run_id = any(:runs::uuid[]) returning file_id
),
unsearched as (
    delete from mainspring.run_search where run_id = any(:runs::uuid[])
)
update mainspring.files set loose_at = '-infinity'
where id = any(array(select id from mainspring.files where id = any(array(select file_id from gone)) order by id for update))
  and (select true from mainspring.artifacts other where other.file_id = files.id and other.run_id <> all(:runs::uuid[]) limit 1) is null
returning id
