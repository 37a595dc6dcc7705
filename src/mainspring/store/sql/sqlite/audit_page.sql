-- The audit trail, newest first.
select id, at, actor, verb, object, source, reason, data, tenant, address, request_id from mainspring.audit
where id < :before and (:object is null or object = :object) and (:actor is null or actor = :actor) and (:verb is null or verb = :verb)
  and (:source is null or source = :source) and (:since is null or at >= :since)
  and (:tenants is null or tenant in (select value from json_each(:tenants)))
order by id desc limit :n
