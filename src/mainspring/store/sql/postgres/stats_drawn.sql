-- How long a few of the runs took and waited that were added in each of many spans of ids: what a chart can afford however many there are.
select slice.k, json_agg(json_build_array(
           round((extract(epoch from drawn.finished_at - drawn.started_at) * 1000)::numeric, 3),
           round((extract(epoch from greatest(drawn.started_at - drawn.ready_at, interval '0')) * 1000)::numeric, 3))) as drawn
from json_to_recordset(:slices) as slice(k integer, low uuid, high uuid)
cross join lateral (
    select state, origin, ready_at, started_at, finished_at from mainspring.history
    where id >= slice.low and id < slice.high order by id desc limit :each
) as drawn
where drawn.started_at is not null and drawn.origin <> 'service' and (drawn.state = 10 or drawn.started_at >= drawn.ready_at)
group by slice.k order by slice.k
