-- Forget errors that nobody has seen for long, with what was said about them.
with old as materialized (
    select fingerprint from mainspring.errors group by fingerprint
    having max(last_at) < {NOW} - :older_ms::float8 * interval '1 millisecond' order by fingerprint limit :n
),
marks as (delete from mainspring.error_marks where fingerprint = any(array(select fingerprint from old)))
delete from mainspring.errors where fingerprint = any(array(select fingerprint from old))
returning fingerprint
