-- What the store thinks a node holds.
select id, claim_id from mainspring.hot_runs where state = 4 and node_id = :node
