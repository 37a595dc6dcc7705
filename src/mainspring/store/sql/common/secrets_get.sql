-- A secret as it is kept.
select name, sealed from mainspring.secrets where name = :name
