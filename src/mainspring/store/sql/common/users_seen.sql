-- Note that somebody has signed in.
update mainspring.users set seen_at = {CLOCK} where name = :name
