-- Whether more runs have finished since an id than a bound; answers one row if so.
select id from mainspring.history where id >= :lowest order by id desc limit 1 offset :bound
