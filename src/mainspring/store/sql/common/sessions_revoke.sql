-- Sign a browser out that somebody points at.
delete from mainspring.sessions where id = :id
returning name
