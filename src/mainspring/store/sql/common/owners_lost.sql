-- People who may do less than they once could.
select * from mainspring.owners where lost_at is not null order by name
