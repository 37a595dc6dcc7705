-- Delete finished runs with everything that belongs to them; a run that was pinned meanwhile stays. Answers the ids that went.
delete from mainspring.events where run_id in (
    select id from mainspring.history where id in (select value from json_each(:ids)) and id not in (select run_id from mainspring.kept));

delete from mainspring.attempts where run_id in (
    select id from mainspring.history where id in (select value from json_each(:ids)) and id not in (select run_id from mainspring.kept));

delete from mainspring.history where id in (select value from json_each(:ids)) and id not in (select run_id from mainspring.kept)
returning id
