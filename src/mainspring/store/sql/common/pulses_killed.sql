-- Say of a pulse that it did not come back.
update mainspring.pulses set is_ok = :is_ok, error = 'killed' where id = :id and finished_at is null and is_ok is null
returning id
