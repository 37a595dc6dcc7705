-- Runs that have files or search terms, past one id and before another, and whether they are still there.
select run_id, exists (select 1 from mainspring.hot_runs where id = run_id) or exists (select 1 from mainspring.history where id = run_id) as is_there
from (
    select * from (select distinct run_id from mainspring.artifacts where run_id > :after and run_id < :before order by run_id limit :n)
    union
    select * from (select distinct run_id from mainspring.run_search where run_id > :after and run_id < :before order by run_id limit :n)
) order by run_id limit :n
