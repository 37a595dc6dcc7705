-- Notices, newest first, below an id.
select id, at, object, kind, severity, run_id, data from mainspring.notices
where id < :before and (:object is null or object = :object) and (:kind is null or kind = :kind)
  and (:severity is null or severity >= :severity)
order by id desc limit :n
