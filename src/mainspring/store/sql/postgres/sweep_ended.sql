-- A run that has a final record is over, whatever its unfinished row says: an outcome, once written, stands.
delete from mainspring.hot_runs
where id = (select id from mainspring.hot_runs where id = :id and exists (select 1 from mainspring.history where history.id = :id)
            for update skip locked)
returning id
