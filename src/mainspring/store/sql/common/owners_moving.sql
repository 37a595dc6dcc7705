-- People whose runs and schedules are still to be looked at.
select * from mainspring.owners where is_moving order by name
