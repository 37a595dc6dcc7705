-- Forget keys whose time is over.
delete from mainspring.idempotency
where (caller, key) in (select caller, key from mainspring.idempotency where expires_at <= {NOW} order by expires_at limit :n)
returning 1
