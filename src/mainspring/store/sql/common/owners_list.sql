-- People who have acted, past one, by name.
select * from mainspring.owners where name > :after order by name limit :n
