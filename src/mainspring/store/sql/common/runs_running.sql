-- The tasks of which runs are being carried out.
select task, count(*) as n from mainspring.hot_runs where state = 4 and {SEEN} group by task order by task
