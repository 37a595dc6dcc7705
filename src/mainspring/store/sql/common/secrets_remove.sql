-- Forget a secret.
delete from mainspring.secrets where name = :name
returning name
