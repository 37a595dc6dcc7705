-- Keep what was answered, unless somebody has taken the key over.
update mainspring.idempotency
set status = :status, headers = :headers, body = :body
where caller = :caller and key = :key and claim = :claim and status is null
returning 1
