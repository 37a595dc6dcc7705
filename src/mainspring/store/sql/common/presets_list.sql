-- The presets of a task that somebody may use: their own, and what others of the tenant share.
select id, task, name, owner, is_shared, params, changed_at from mainspring.presets
where task = :task and tenant = :tenant and (owner = :owner or is_shared) order by name, owner, id limit 200
