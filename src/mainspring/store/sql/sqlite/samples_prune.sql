-- Forget old samples, and of those that are not young keep each tenth minute.
delete from mainspring.samples
where at < {NOW} - cast(:older_ms * 1000 as integer)
   or (at < {NOW} - cast(:thinned_ms * 1000 as integer) and at / 60000000 % 10 <> 0)
returning queue
