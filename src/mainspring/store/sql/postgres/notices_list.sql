-- Notices, newest first, below an id.
select id, at, object, kind, severity, run_id, data from mainspring.notices
where id < :before and (:object::text is null or object = :object) and (:kind::text is null or kind = :kind)
  and (:severity::smallint is null or severity >= :severity::smallint)
order by id desc limit :n
