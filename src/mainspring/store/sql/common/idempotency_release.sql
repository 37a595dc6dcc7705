-- Let a key go: nothing was done.
delete from mainspring.idempotency where caller = :caller and key = :key and claim = :claim and status is null
returning 1
