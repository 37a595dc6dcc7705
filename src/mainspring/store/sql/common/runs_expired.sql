-- Ids of waiting runs whose deadline has passed: they end without another attempt.
select id from mainspring.hot_runs where state in (0, 1, 2, 3) and deadline_at <= {NOW} limit :n
