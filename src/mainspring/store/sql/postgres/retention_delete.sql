-- Delete finished runs with everything that belongs to them; a run that was pinned meanwhile stays. Answers the ids that went.
with gone as (
    delete from mainspring.history
    where id = any(:ids::uuid[]) and id between :lowest::uuid and :highest::uuid
      and not exists (select 1 from mainspring.kept where run_id = id)
    returning id
),
without_events as (
    delete from mainspring.events where run_id = any(array(select id from gone)) and run_id between :lowest::uuid and :highest::uuid
),
without_attempts as (
    delete from mainspring.attempts where run_id = any(array(select id from gone)) and run_id between :lowest::uuid and :highest::uuid
)
select id from gone
