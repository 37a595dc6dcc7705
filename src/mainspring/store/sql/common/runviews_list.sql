-- The saved views that somebody sees: their own and shared ones, by name.
select id, owner, name, query, sort, is_shared, created_at from mainspring.run_views where owner = :owner or is_shared order by name, owner limit 200
