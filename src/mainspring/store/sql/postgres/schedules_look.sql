-- The clock, when the next schedule is due, how many are in a while (up to a bound), and whether the fleet is under maintenance. Those of other nodes are left out.
select {NOW} as now,
       (select next_at from mainspring.schedules where next_at is not null and id <> all(:others::bigint[]) order by next_at limit 1) as next_at,
       (select count(*) from (select 1 from mainspring.schedules where next_at <= {NOW} + :ahead_ms::float8 * interval '1 millisecond'
                              and id <> all(:others::bigint[]) limit :bound) soon) as soon,
       (select value from mainspring.modes where key = 'maintenance') as maintenance
