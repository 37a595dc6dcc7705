-- Forget pulses of long ago.
delete from mainspring.pulses
where id in (select id from mainspring.pulses where started_at < {NOW} - cast(:older_ms * 1000 as integer) order by started_at limit :n)
returning id
