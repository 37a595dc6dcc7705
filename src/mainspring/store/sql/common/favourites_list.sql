-- The tasks that somebody has marked.
select task from mainspring.favourites where owner = :owner order by task
