-- Forget keys whose time is over, and what became of old requests; answers how many of both.
delete from temp.mainspring_swept;

insert into temp.mainspring_swept (kind, tenant, task, key)
select 0, tenant, task, key from mainspring.dedupe where expires_at <= {NOW} order by expires_at limit :n;

insert into temp.mainspring_swept (kind, tenant, task, key)
select 1, id, '', '' from mainspring.dedupe_requests where expires_at <= {NOW} order by expires_at limit :n;

delete from mainspring.dedupe where (tenant, task, key) in (select tenant, task, key from temp.mainspring_swept where kind = 0);

delete from mainspring.dedupe_requests where id in (select tenant from temp.mainspring_swept where kind = 1);

select coalesce(sum(kind = 0), 0), coalesce(sum(kind = 1), 0) from temp.mainspring_swept
