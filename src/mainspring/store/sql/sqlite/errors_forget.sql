-- Forget errors that nobody has seen for long, with what was said about them.
delete from mainspring.error_marks where fingerprint in (
    select fingerprint from mainspring.errors group by fingerprint having max(last_at) < {NOW} - :older_ms * 1000 order by fingerprint limit :n);

delete from mainspring.errors where fingerprint in (
    select fingerprint from mainspring.errors group by fingerprint having max(last_at) < {NOW} - :older_ms * 1000 order by fingerprint limit :n)
returning fingerprint
