-- Let runs that wait for a later time be due now. Those that somebody holds are left alone.
with waiting as (
    select id from mainspring.hot_runs where id = any(:ids::uuid[]) and state = 2 order by id for update skip locked
)
update mainspring.hot_runs as run set run_at = {CLOCK} from waiting where run.id = waiting.id and run.state = 2 returning run.id
