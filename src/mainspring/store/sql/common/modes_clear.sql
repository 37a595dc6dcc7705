-- Let the configuration decide again.
delete from mainspring.modes where key = :key returning key
