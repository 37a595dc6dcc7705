-- Somebody who has acted.
select * from mainspring.owners where name = :name
