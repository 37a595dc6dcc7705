-- Let runs go of their files; what no other run holds is loose since long ago, so that the next sweep takes it. Their search terms go too.
update mainspring.files set loose_at = 0
where id in (select file_id from mainspring.artifacts where run_id in (select value from json_each(:runs)))
  and not exists (select 1 from mainspring.artifacts as other
                  where other.file_id = mainspring.files.id and other.run_id not in (select value from json_each(:runs)));

delete from mainspring.run_search where run_id in (select value from json_each(:runs));

delete from mainspring.artifacts where run_id in (select value from json_each(:runs)) returning file_id
