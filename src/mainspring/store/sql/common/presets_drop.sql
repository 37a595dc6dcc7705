-- Forget a preset: one's own, or for who looks after the house any.
delete from mainspring.presets where id = :id and task = :task and tenant = :tenant and (owner = :owner or :is_any) returning name
