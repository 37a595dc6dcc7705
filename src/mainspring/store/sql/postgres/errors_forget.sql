-- Forget errors that nobody has seen for long, with what was said about them. In the order in which they are counted, and past those that
-- are just being counted again: they stay, and no try that settles waits for this.
with old as materialized (
    select fingerprint from mainspring.errors group by fingerprint
    having max(last_at) < {NOW} - :older_ms::float8 * interval '1 millisecond' order by fingerprint limit :n
),
gone as materialized (
    select fingerprint, shard from mainspring.errors
    where fingerprint = any(array(select fingerprint from old)) and last_at < {NOW} - :older_ms::float8 * interval '1 millisecond'
    order by fingerprint, shard for update skip locked
),
marks as (delete from mainspring.error_marks where fingerprint = any(array(select fingerprint from gone)))
delete from mainspring.errors seen using gone where seen.fingerprint = gone.fingerprint and seen.shard = gone.shard
returning seen.fingerprint
