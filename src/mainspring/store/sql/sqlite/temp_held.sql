-- Tables of the writing connection: what one settle decides and what one completion accepts, while it is written.
create temp table if not exists held (
    id text primary key, due integer, next integer, overruled text, state integer, outcome integer, reason text, burns_retry integer,
    burns_rescue integer, suspicion integer, result text, error text, fingerprint text, ms real, n integer, records text) without rowid;

create temp table if not exists done (
    row integer primary key, attempt integer, task text, waited integer, ms real, result text, n integer, records text)
