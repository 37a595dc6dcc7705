-- Remove somebody, with all that lets them in.
delete from mainspring.sessions where name = :name and kind = 'local';

delete from mainspring.tokens where user_name = :name;

delete from mainspring.users where name = :name
returning name
