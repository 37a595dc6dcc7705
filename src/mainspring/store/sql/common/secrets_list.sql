-- Which secrets there are; what they say is not read.
select name, key_id, created_at, changed_at, changed_by, reason from mainspring.secrets where name > :after order by name limit :n
