-- Forget the schedules of a tenant.
delete from mainspring.schedules where tenant = :tenant and tenant <> '' returning name
