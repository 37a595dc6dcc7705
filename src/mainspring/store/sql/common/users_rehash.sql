-- Write a password anew as it is hashed today, unless it was changed meanwhile.
update mainspring.users set password = :password where name = :name and password = :old
