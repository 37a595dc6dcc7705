-- Forget notices past an age, and all but the newest so many.
delete from mainspring.notices where id in (
    select id from mainspring.notices
    where at < {NOW} - cast(:older_ms * 1000 as integer)
       or id <= (select id from mainspring.notices order by id desc limit 1 offset :most)
    order by id limit :n)
returning id
