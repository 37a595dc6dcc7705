-- The runs that did a run again.
select id from mainspring.hot_runs where retry_of = :id union all select id from mainspring.history where retry_of = :id
