-- Forget old samples, and of those that are not young keep each tenth minute.
delete from mainspring.samples
where at < {NOW} - :older_ms::float8 * interval '1 millisecond'
   or (at < {NOW} - :thinned_ms::float8 * interval '1 millisecond' and floor(extract(epoch from at) / 60)::bigint % 10 <> 0)
returning queue
