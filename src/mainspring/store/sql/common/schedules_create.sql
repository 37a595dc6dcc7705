-- Add a schedule that an operator has made.
insert into mainspring.schedules (tenant, name, task, override, cursor_at, next_slot, next_at, created_at, created_by, changed_at, changed_by, owner)
values (:tenant, :name, :task, :override, :cursor, :next_slot, :next_at, {CLOCK}, :by, {CLOCK}, :by, :owner)
on conflict (tenant, name) do nothing
returning id
