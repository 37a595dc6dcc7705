-- Whether a node lives that fires schedules and looks after everything all the time.
select exists (
    select 1 from mainspring.nodes where state in (1, 2) and lease_until >= {NOW} and facts->>'role' in ('all', 'scheduler')) as is_covered
