-- Give somebody another password; who was signed in with the old one is no longer.
delete from mainspring.sessions where name = :name and kind = 'local' and hash <> :but;

update mainspring.users set password = :password, changed_at = {CLOCK}, changed_by = :actor where name = :name
returning name
