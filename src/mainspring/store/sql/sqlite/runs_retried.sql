-- Which of these runs were retried already.
select retry_of from mainspring.hot_runs where retry_of in (select value from json_each(:ids))
union select retry_of from mainspring.history where retry_of in (select value from json_each(:ids))
