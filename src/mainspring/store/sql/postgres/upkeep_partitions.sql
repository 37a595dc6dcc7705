-- Day partitions of ours.
select child.relname as name from pg_inherits
join pg_class child on child.oid = inhrelid join pg_class parent on parent.oid = inhparent
join pg_namespace space on space.oid = parent.relnamespace
where space.nspname = trim(trailing '.' from 'mainspring.') and parent.relname in ('history', 'attempts', 'events') and child.relname !~ '_rest$'
order by 1
