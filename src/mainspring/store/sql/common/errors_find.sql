-- Fingerprints that begin like this.
select distinct fingerprint from mainspring.errors where fingerprint like :beginning order by fingerprint limit 3
