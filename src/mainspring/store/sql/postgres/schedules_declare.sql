-- Write down schedules of code that are new, and that code has been seen with the others.
with given as materialized (
    select * from json_to_recordset(:batch) as r(name text, task text, code text, digest text, next_slot timestamptz, next_at timestamptz)
),
seen as (
    update mainspring.schedules s set code_seen_at = {CLOCK}
    where s.tenant = '' and s.name = any(:seen::text[]) and (s.code_seen_at is null or s.code_seen_at < {NOW} - interval '1 minute')
      and s.id = any(array(select id from mainspring.schedules where tenant = '' and name = any(:seen::text[]) order by id for update skip locked))
)
insert into mainspring.schedules (
    name, task, code, code_digest, code_seen_at, cursor_at, next_slot, next_at, created_at, created_by, changed_at, changed_by)
select name, task, code, digest, {CLOCK}, :cursor, next_slot, next_at, {CLOCK}, :by, {CLOCK}, :by from given order by name
on conflict (tenant, name) do nothing
returning name
