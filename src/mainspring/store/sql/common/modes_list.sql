-- What operators have set for the whole fleet.
select key, value, changed_at, changed_by, reason from mainspring.modes order by key
