-- Write down what this node's code says of its services, and make rows of new ones. A row of a node takes over what operators said of all.
insert into mainspring.services (name, node, instances, state, is_wanted, is_enabled, code_enabled, facts, created_at, declared_at, declared_by, changed_at)
select value->>'name', value->>'node', value->>'instances', 0, coalesce(every.is_wanted, 1), every.is_enabled, value->>'is_enabled',
       value->>'facts', {NOW}, {NOW}, :by, {NOW}
from json_each(:batch) left join mainspring.services every on every.name = value->>'name' and every.node = ''
where true
on conflict (name, node) do update
set instances = excluded.instances, code_enabled = excluded.code_enabled, facts = excluded.facts, declared_at = excluded.declared_at,
    declared_by = excluded.declared_by,
    version = version + (code_enabled <> excluded.code_enabled or instances <> excluded.instances)
where facts <> excluded.facts or code_enabled <> excluded.code_enabled or instances <> excluded.instances
returning name, node
