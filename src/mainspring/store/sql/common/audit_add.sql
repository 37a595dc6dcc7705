-- Write down who did what, to which object, from where and why.
insert into mainspring.audit (at, actor, verb, object, source, reason, data)
values ({NOW}, :actor, :verb, :object, :source, :reason, :data)
returning id
