-- Remove a view of its owner.
delete from mainspring.run_views where id = :id and owner = :owner returning name
