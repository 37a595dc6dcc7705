-- Secrets as they are kept, to be encrypted anew.
select name, sealed, key_id from mainspring.secrets where name > :after order by name limit :n
