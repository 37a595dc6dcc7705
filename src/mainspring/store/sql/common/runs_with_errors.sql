-- Which of these runs have had a try that ended with one of some errors.
select distinct run_id as id from mainspring.attempts where {ANY run_id :ids uuid} and {ANY fingerprint :fingerprints text}
