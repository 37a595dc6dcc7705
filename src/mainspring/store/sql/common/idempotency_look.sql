-- What is known of a key that is not free.
select fingerprint, status, headers, body, until <= {NOW} as is_interrupted
from mainspring.idempotency
where caller = :caller and key = :key and expires_at > {NOW}
