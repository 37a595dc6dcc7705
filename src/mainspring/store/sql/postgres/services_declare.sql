-- Write down what this node's code says of its services, and make rows of new ones. A row of a node takes over what operators said of all.
with given as materialized (
    select * from json_to_recordset(:batch) as r(name text, node text, instances smallint, facts text, is_enabled boolean)
)
insert into mainspring.services as held (name, node, instances, state, is_wanted, is_enabled, code_enabled, facts, created_at, declared_at, declared_by, changed_at)
select given.name, given.node, given.instances, 0, coalesce(every.is_wanted, true), every.is_enabled, given.is_enabled, given.facts, {NOW}, {NOW}, :by, {NOW}
from given left join mainspring.services every on every.name = given.name and every.node = ''
order by given.name, given.node
on conflict (name, node) do update
set instances = excluded.instances, code_enabled = excluded.code_enabled, facts = excluded.facts, declared_at = excluded.declared_at,
    declared_by = excluded.declared_by,
    version = held.version + case when held.code_enabled <> excluded.code_enabled or held.instances <> excluded.instances then 1 else 0 end
where held.facts <> excluded.facts or held.code_enabled <> excluded.code_enabled or held.instances <> excluded.instances
returning name, node
