-- Forget answers of an instance's probes: those before a time, and those beyond a number.
delete from mainspring.service_samples
where name = :name and node = :node
  and (at < :before or id <= (select id from mainspring.service_samples where name = :name and node = :node order by id desc limit 1 offset :most))
returning id
