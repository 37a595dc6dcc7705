-- Forget what was said about runs that are gone themselves.
delete from mainspring.discarded_runs where run_id in (
    select run_id from mainspring.discarded_runs said
    where not exists (select 1 from mainspring.history run where run.id = said.run_id) order by run_id limit :n)
returning run_id
