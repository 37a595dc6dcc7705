-- Whether a link is good still.
select 1 as is_there from mainspring.links where hash = :hash and used_at is null and expires_at > {NOW}
