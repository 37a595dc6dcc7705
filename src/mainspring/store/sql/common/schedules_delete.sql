-- Forget a schedule; its runs stay.
delete from mainspring.schedules where id = :id and version = :version returning id
