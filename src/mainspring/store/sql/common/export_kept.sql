-- Pinned runs.
select run_id, at, actor, reason from mainspring.kept order by run_id
