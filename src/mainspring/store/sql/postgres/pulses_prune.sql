-- Forget pulses of long ago.
delete from mainspring.pulses
where id in (
    select id from mainspring.pulses where started_at < {NOW} - :older_ms::float8 * interval '1 millisecond' order by started_at limit :n)
returning id
