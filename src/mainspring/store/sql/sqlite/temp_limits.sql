-- Tables of the writing connection: what one round of a limiter draws, and what its keys have room for.
create temp table if not exists mainspring_limit_drawn (
    id text primary key, list text, priority integer, created_at integer, queue text, tenant text, pool integer, task text, limit_queue text,
    limit_task text, limit_key text, place integer, goes integer not null default 1, moves_to text) without rowid;

create temp table if not exists mainspring_limit_room (
    key text primary key, concurrency integer, interval_us integer, burst integer, tat integer, admitted text, n integer, ready integer,
    room_of_slots integer, room integer, taken integer not null default 0) without rowid;

create temp table if not exists mainspring_limit_use (id text, key text, place integer, primary key (key, place)) without rowid
