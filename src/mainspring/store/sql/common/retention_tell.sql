-- What a definition says about its finished runs.
insert into mainspring.retention (task, completed_ms, others_ms, keep_last, told_at, told_by)
values (:task, :completed_ms, :others_ms, :keep_last, {NOW}, :node)
on conflict (task) do update set completed_ms = excluded.completed_ms, others_ms = excluded.others_ms, keep_last = excluded.keep_last,
                                 told_at = excluded.told_at, told_by = excluded.told_by
returning task
