-- The audit trail, newest first.
select id, at, actor, verb, object, source, reason, data from mainspring.audit
where id < :before and (:object::text is null or object = :object::text) and (:actor::text is null or actor = :actor::text)
  and (:verb::text is null or verb = :verb::text) and (:source::text is null or source = :source::text)
  and (:since::timestamptz is null or at >= :since::timestamptz)
order by id desc limit :n
