-- How far runs are, wherever they are.
select id, seq, state from mainspring.hot_runs where id in (select value from json_each(:ids))
union all
select id, seq, state from mainspring.history where id in (select value from json_each(:ids))
