-- Keep a token: its hash, and what it is for.
insert into mainspring.tokens (id, hash, label, user_name, role, verbs, tenants, tasks, created_at, created_by, expires_at)
values (:id, :hash, :label, :user_name, :role, :verbs, :tenants, :tasks, {CLOCK}, :actor, :expires_at)
