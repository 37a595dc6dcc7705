-- How many runs are pinned.
select count(*) as n from mainspring.kept
