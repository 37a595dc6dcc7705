-- Set what an operator wants instead of the code's overlap policy.
insert into mainspring.task_overlaps (task, policy, most, changed_at, changed_by, reason) values (:task, :policy, :most, {CLOCK}, :actor, :reason)
on conflict (task) do update
set policy = excluded.policy, most = excluded.most, changed_at = excluded.changed_at, changed_by = excluded.changed_by, reason = excluded.reason
