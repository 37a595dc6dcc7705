-- Whether this login may change the schema.
select pg_has_role(current_user, relowner, 'usage') as is_owner from pg_class where oid = 'mainspring.history'::regclass
