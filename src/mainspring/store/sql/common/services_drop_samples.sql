-- Forget what the probes of a service have answered.
delete from mainspring.service_samples where name = :name returning id
