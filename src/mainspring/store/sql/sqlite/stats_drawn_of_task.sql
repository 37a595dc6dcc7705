-- How long a few of the runs took and waited that were added in each of many spans of ids: what a chart can afford however many there are. Of one task.
select slice.value->>'k' as k, json_group_array(json_array(
           (drawn.finished_at - drawn.started_at) / 1000.0, max(coalesce(drawn.started_at - drawn.ready_at, 0), 0) / 1000.0)) as drawn
from json_each(:slices) as slice
join mainspring.history as drawn on drawn.id in (
    select id from mainspring.history where id >= slice.value->>'low' and id < slice.value->>'high' and task = :task order by id desc limit :each)
where drawn.started_at is not null and drawn.origin <> 'service' and (drawn.state = 10 or drawn.started_at >= drawn.ready_at)
group by 1 order by 1
