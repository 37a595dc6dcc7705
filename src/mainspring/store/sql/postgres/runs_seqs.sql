-- How far runs are, wherever they are. The bounds let the planner leave out partitions, which it cannot do with a list.
select id, seq, state from mainspring.hot_runs where id = any(:ids::uuid[])
union all
select id, seq, state from mainspring.history where id = any(:ids::uuid[]) and id between :lowest::uuid and :highest::uuid
