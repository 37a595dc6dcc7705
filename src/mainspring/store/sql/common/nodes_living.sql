-- Who lives: nodes that have said neither good-bye nor were declared dead, and whose lease still holds.
select name, host, pid, facts from mainspring.nodes where state in (1, 2) and lease_until >= {NOW} order by name, host, pid
