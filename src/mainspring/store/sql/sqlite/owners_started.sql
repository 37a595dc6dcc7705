-- Who has started running runs, and for whom.
select id, actor, origin, tenant from mainspring.hot_runs where id in (select value from json_each(:ids))
