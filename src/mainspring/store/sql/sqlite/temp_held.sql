-- Tables of the writing connection: what one settle decides and what one completion accepts, while it is written.
create temp table if not exists mainspring_held (
    id text primary key, due integer, next integer, overruled text, state integer, outcome integer, reason text, burns_retry integer,
    burns_rescue integer, suspicion integer, result text, error text, fingerprint text, ms real, n integer, records text, aside text,
    home integer) without rowid;

create temp table if not exists mainspring_done (
    row integer primary key, attempt integer, task text, waited integer, ms real, result text, n integer, records text)
;

create temp table if not exists mainspring_asked (
    ord integer primary key, id text, value text, tenant text, task text, key text, policy text, due integer, pause integer, limited text,
    held text, was integer, since integer, is_in_line integer, is_held integer, to_ask integer, winner text, how text);

create temp table if not exists mainspring_swept (kind integer, tenant text, task text, key text)
