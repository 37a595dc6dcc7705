-- What live nodes say about themselves.
select id, facts from mainspring.nodes where state in (1, 2)
