-- Sign a browser out.
delete from mainspring.sessions where hash = :hash
returning id
