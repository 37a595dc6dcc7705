-- Write one notice down; with a span, not where one of its kind about the same thing is younger than that.
insert into mainspring.notices (at, object, kind, severity, run_id, data)
select {CLOCK}, :object, :kind, :severity, :run_id::uuid, :data
where :once_ms::float8 is null or not exists (
    select 1 from mainspring.notices where object = :object and kind = :kind and at > {NOW} - :once_ms::float8 * interval '1 millisecond')
returning id, at
