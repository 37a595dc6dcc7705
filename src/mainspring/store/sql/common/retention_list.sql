-- What definitions say about their finished runs.
select task, completed_ms, others_ms, keep_last, told_at, told_by from mainspring.retention order by task
