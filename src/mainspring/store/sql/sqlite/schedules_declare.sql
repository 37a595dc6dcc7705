-- Write down schedules of code that are new, and that code has been seen with the others.
update mainspring.schedules set code_seen_at = {NOW}
where tenant = '' and name in (select value from json_each(:seen)) and (code_seen_at is null or code_seen_at < {NOW} - 60000000);

insert into mainspring.schedules (
    name, task, code, code_digest, code_seen_at, cursor_at, next_slot, next_at, created_at, created_by, changed_at, changed_by)
select value->>'name', value->>'task', value->>'code', value->>'digest', {NOW}, :cursor, value->>'next_slot', value->>'next_at', {NOW}, :by,
       {NOW}, :by
from json_each(:batch) where true
on conflict (tenant, name) do nothing
returning name
