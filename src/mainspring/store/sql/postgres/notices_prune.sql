-- Forget notices past an age, and all but the newest so many.
delete from mainspring.notices where id = any(array(
    select id from mainspring.notices
    where at < {NOW} - :older_ms::float8 * interval '1 millisecond'
       or id <= (select id from mainspring.notices order by id desc offset :most limit 1)
    order by id limit :n))
returning id
