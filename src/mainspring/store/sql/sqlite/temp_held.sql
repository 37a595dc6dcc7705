-- A table of each writing connection: the decisions of one settle, while it is written.
create temp table if not exists held (
    id text primary key, due integer, next integer, overruled text, state integer, outcome integer, reason text, burns_retry integer,
    burns_rescue integer, suspicion integer, result text, error text, fingerprint text, ms real, n integer, records text) without rowid
