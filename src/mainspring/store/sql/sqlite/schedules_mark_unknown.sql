-- Say of each schedule whether a living node knows it: by its name, where code declares it, else by its task. What nobody has known for a
-- while is due no more; what somebody knows again is looked at, and its misfire policy says what becomes of the slots between.
-- Answers what was, or may become, unknown: the name, whether it is known, and whether it was and is out of use.
delete from temp.mainspring_known;

insert into temp.mainspring_known (id, is_known, was_orphaned)
select id, is_known, orphaned_at is not null
from (select id, orphaned_at, unknown_at,
             case when code is null then task in (select value from json_each(:tasks)) else name in (select value from json_each(:names)) end as is_known
      from mainspring.schedules)
where case when is_known then unknown_at is not null else orphaned_at is null end;

update mainspring.schedules as s
set unknown_at = case when not is_known then coalesce(s.unknown_at, {NOW}) end,
    orphaned_at = case when is_known then null when s.unknown_at <= {NOW} - cast(:after_ms * 1000 as integer) then {NOW} end,
    next_at = case when is_known then case when s.orphaned_at is null then s.next_at
                                           when s.paused_at is not null and s.resumed_at is null then s.paused_until else s.next_slot end
                   when s.unknown_at <= {NOW} - cast(:after_ms * 1000 as integer) then null else s.next_at end
from temp.mainspring_known held
where s.id = held.id;

select s.name, held.is_known, held.was_orphaned, s.orphaned_at is not null
from temp.mainspring_known held join mainspring.schedules s on s.id = held.id order by s.id
