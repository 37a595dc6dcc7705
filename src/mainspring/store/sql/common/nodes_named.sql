-- The ids of nodes of some names, also of those that are forgotten while their runs still name them.
select id from (
    select id, name from mainspring.nodes where {ANY name :names text}
    union all
    select id, name from mainspring.past_nodes where {ANY name :names text}) as named limit :n
