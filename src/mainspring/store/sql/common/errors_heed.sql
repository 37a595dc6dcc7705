-- Look at an error again.
delete from mainspring.ignored_errors where fingerprint = :fingerprint
returning fingerprint
