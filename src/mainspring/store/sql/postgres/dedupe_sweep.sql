-- Forget keys whose time is over, and what became of old requests; answers how many of both.
with keys as (
    delete from mainspring.dedupe where (tenant, task, key) in (
        select tenant, task, key from mainspring.dedupe where expires_at <= {NOW} order by expires_at limit :n for update skip locked)
    returning 1
),
requests as (
    delete from mainspring.dedupe_requests where id in (
        select id from mainspring.dedupe_requests where expires_at <= {NOW} order by expires_at limit :n for update skip locked)
    returning 1
)
select (select count(*) from keys), (select count(*) from requests)
