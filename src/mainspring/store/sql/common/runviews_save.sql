-- Save a view; one of the same owner and name becomes this one.
insert into mainspring.run_views (id, owner, name, query, sort, is_shared, created_at)
values (:id, :owner, :name, :query, :sort, :is_shared, {CLOCK})
on conflict (owner, name) do update set query = excluded.query, sort = excluded.sort, is_shared = excluded.is_shared
returning id
