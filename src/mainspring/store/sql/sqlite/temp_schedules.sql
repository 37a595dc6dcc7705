-- Tables of the writing connection: the schedules of which one statement accounts for slots, and the slots that have no run.
create temp table if not exists mainspring_fired (
    id integer primary key, task text, tenant text, cursor integer, next_slot integer, next_at integer, last_slot integer, run text,
    answers integer, asks integer, asked_until integer, drops integer, ends_pause integer, ends_skip integer, changes integer, new_task text,
    code text, digest text, override text, is_enabled integer, by text);

create temp table if not exists mainspring_silent (
    id text primary key, task text, tenant text, schedule integer, slot_at integer, reason text, params text, meta text, pool integer,
    priority integer, queue text) without rowid
;

create temp table if not exists mainspring_known (id integer primary key, is_known integer, was_orphaned integer);

create temp table if not exists mainspring_shapes (
    shape integer primary key, task text, params text, queue text, tenant text, pool integer, priority integer, timeout_ms integer,
    deadline_ms real, max_retries integer, max_rescues integer, is_repeatable integer, label text, origin text, actor text,
    params_version integer, meta text, limit_queue text, limit_task text, limit_key text, gate integer, overlap integer,
    overlap_most integer, overlap_key text, depends text)
