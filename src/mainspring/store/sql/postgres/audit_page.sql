-- The audit trail, newest first.
select id, at, actor, verb, object, source, reason, data, tenant, address, request_id from mainspring.audit
where id < :before and (:object::text is null or object = :object::text) and (:actor::text is null or actor = :actor::text)
  and (:verb::text is null or verb = :verb::text) and (:source::text is null or source = :source::text)
  and (:since::timestamptz is null or at >= :since::timestamptz)
  and (:tenants::text[] is null or tenant = any(:tenants::text[]))
order by id desc limit :n
