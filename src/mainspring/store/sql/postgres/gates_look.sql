-- What there is to do at the gates: keys whose runs are due, from a watermark on, past the graveyard of those that were ('many': there may be
-- more of them), with those whose waiting runs have nobody in the way any more (:is_full: with all that have waiting runs); whether runs are
-- to be asked what they depend on, and (:is_full) for which tasks runs wait; milliseconds until more are due; the watermark for the next look.
with due as materialized (
    select overlap_key from mainspring.hot_runs
    where gate > 0 and gate = 1 and state = 2 and run_at >= :since and run_at <= {NOW} order by run_at, id limit :n
)
select 'overlap' as kind, overlap_key as key, null::float8 as ms from due group by overlap_key
union
select 'overlap', overlap_key, null
from mainspring.hot_runs run
where gate > 0 and gate = 1 and state = 1
  and (:is_full or blocked_by is null or not exists (select from mainspring.hot_runs other where other.id = run.blocked_by))
union all
select 'many', '', null where (select count(*) from due) >= :n
union all
select 'depends', '', null
where exists (select from mainspring.hot_runs where gate > 0 and gate = 2 and state = 2 and run_at >= :since and run_at <= {NOW})
   or :is_full and exists (select from mainspring.hot_runs where gate > 0 and gate = 2 and state = 1)
union all
select 'awaits', blocked_on, null from mainspring.hot_runs where :is_full and gate > 0 and gate = 2 and state = 1 group by blocked_on
union all
select 'due', '', extract(epoch from run_at - {NOW}) * 1000
from (select run_at from mainspring.hot_runs where gate > 0 and state = 2 and run_at > {NOW} order by run_at limit 1) as next
union all
select 'since', ({NOW} - interval '2 seconds')::text, null
