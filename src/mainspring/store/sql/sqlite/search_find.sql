-- Ids below a bound, newest first, of runs for which all the terms hold. The first drives, by the key; the others are looked up.
select run_id from mainspring.run_search as found
where name = :name and value = :value and run_id < :before and (:task is null or task = :task)
  and not exists (
      select 1 from json_each(:names) as asked
      where not exists (select 1 from mainspring.run_search as other
                        where other.name = asked.value and other.value = json_extract(:values, '$[' || asked.key || ']')
                          and other.run_id = found.run_id))
order by run_id desc limit :n
