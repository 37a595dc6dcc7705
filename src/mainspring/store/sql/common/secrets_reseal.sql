-- Keep a secret as another key has encrypted it, unless it was changed meanwhile.
update mainspring.secrets set sealed = :sealed, key_id = :key_id where name = :name and sealed = :before
returning name
