-- Runs that have files or search terms, past one id and before another, and whether they are still there.
select run_id, coalesce((select true from mainspring.hot_runs where id = run_id limit 1),
                        (select true from mainspring.history where id = run_id limit 1), false) as is_there
from (
    (select distinct run_id from mainspring.artifacts where run_id > :after::uuid and run_id < :before::uuid order by run_id limit :n)
    union
    (select distinct run_id from mainspring.run_search where run_id > :after::uuid and run_id < :before::uuid order by run_id limit :n)
) as page order by run_id limit :n
