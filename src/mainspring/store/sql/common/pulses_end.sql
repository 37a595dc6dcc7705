-- Write down what a pulse has done.
update mainspring.pulses
set finished_at = {CLOCK}, is_ok = :is_ok, fired = :fired, executed = :executed, succeeded = :succeeded, failed = :failed,
    given_back = :given_back, remaining = :remaining, deferred = :deferred, error = :error
where id = :id and finished_at is null
returning id
