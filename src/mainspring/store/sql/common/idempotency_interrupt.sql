-- Say that a request will not be answered, and that nobody knows what it has done.
update mainspring.idempotency set until = {CLOCK} where caller = :caller and key = :key and claim = :claim and status is null
returning 1
