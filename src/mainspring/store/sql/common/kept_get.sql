-- Whether a run is pinned, since when and by whom.
select run_id, at, actor, reason from mainspring.kept where run_id = :id
