-- Tenants whose runs are still to be moved to where they belong.
select name, state from mainspring.tenants where is_moving order by name
