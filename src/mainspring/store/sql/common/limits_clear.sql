-- Take back what an operator set; what the code says, if it says anything, counts again.
update mainspring.limits
set override = null, binds_queue = null, binds_task = case when code is not null then binds_task end,
    changed_at = {NOW}, changed_by = :actor, change_reason = :reason
where key = :key and override is not null
returning key
