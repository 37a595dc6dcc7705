-- The version under which a run's parameters were stored.
select params_version from mainspring.hot_runs where id = :id union all select params_version from mainspring.history where id = :id
