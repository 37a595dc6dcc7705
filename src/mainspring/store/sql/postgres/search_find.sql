-- Ids below a bound, newest first, of runs for which all the terms hold. The first drives, by the key; the others are looked up.
select run_id from mainspring.run_search as found
where name = :name and value = :value and run_id < :before::uuid and (:task::text is null or task = :task::text)
  and not exists (
      select from unnest(:names::text[], :values::text[]) as asked(name, value)
      where (select true from mainspring.run_search as other
             where other.name = asked.name and other.value = asked.value and other.run_id = found.run_id limit 1) is null)
order by run_id desc limit :n
