-- Declare nodes dead: those whose lease is over, those named (their lock file was free), and those whose beat connection is gone although
-- the server has not restarted since their last beat. Who was named has no process any more: its lease is over, too.
update mainspring.nodes as node
set state = 3, lease_until = case when id = any(:found::uuid[]) then least(lease_until, {NOW} - interval '1 millisecond') else lease_until end
where id <> :me and (state in (1, 2) or (state = 3 and id = any(:found::uuid[]) and lease_until >= {NOW})) and (
    id = any(:found::uuid[])
    or (lease_until < {NOW} and :may_expire)
    or (backend_start is not null and beat_at > pg_postmaster_start_time() and backend_start >= pg_postmaster_start_time()
        and not exists (select 1 from pg_stat_activity a where a.pid = node.backend_pid and a.backend_start = node.backend_start)))
returning id, name
