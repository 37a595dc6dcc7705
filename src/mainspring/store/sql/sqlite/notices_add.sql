-- Write one notice down; with a span, not where one of its kind about the same thing is younger than that.
insert into mainspring.notices (at, object, kind, severity, run_id, data)
select {NOW}, :object, :kind, :severity, :run_id, :data
where :once_ms is null or not exists (
    select 1 from mainspring.notices where object = :object and kind = :kind and at > {NOW} - cast(:once_ms * 1000 as integer))
returning id, at
