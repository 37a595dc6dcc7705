-- Which of these runs were retried already.
select retry_of from mainspring.hot_runs where retry_of = any(:ids::uuid[])
union select retry_of from mainspring.history where retry_of = any(:ids::uuid[])
