-- Say of each schedule whether a living node knows it: by its name, where code declares it, else by its task. What nobody has known for a
-- while is due no more; what somebody knows again is looked at, and its misfire policy says what becomes of the slots between.
-- Answers what was, or may become, unknown: the name, whether it is known, and whether it was and is out of use.
with held as materialized (
    select id, orphaned_at as was, is_known
    from (select id, orphaned_at, unknown_at,
                 case when code is null then task in (select unnest(:tasks::text[])) else name in (select unnest(:names::text[])) end as is_known
          from mainspring.schedules) looked
    where case when is_known then unknown_at is not null else orphaned_at is null end
),
locked as materialized (
    select id from mainspring.schedules where id = any(array(select id from held)) order by id for update skip locked
)
update mainspring.schedules s
set unknown_at = case when not is_known then coalesce(s.unknown_at, {CLOCK}) end,
    orphaned_at = case when is_known then null when s.unknown_at <= {NOW} - :after_ms::float8 * interval '1 millisecond' then {CLOCK} end,
    next_at = case when is_known then case when s.orphaned_at is null then s.next_at
                                           when s.paused_at is not null and s.resumed_at is null then s.paused_until else s.next_slot end
                   when s.unknown_at <= {NOW} - :after_ms::float8 * interval '1 millisecond' then null else s.next_at end
from held
where s.id = held.id and s.id = any(array(select id from locked))
returning s.name, held.is_known, held.was is not null as was_orphaned, s.orphaned_at is not null as is_orphaned
