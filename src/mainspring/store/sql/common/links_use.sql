-- Take a link, once.
update mainspring.links set used_at = {CLOCK}, used_from = :address
where hash = :hash and used_at is null and expires_at > {NOW}
returning role, created_by
