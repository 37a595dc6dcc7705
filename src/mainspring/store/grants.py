"""Roles of PostgreSQL: what each kind of process may do, as GRANT statements to be run by whoever owns the schema.

Four roles without a login; logins become members of them. All statements may be run again, and are to be after each ``migrate``, which may
have made tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum


class DatabaseRole(StrEnum):
    """What a process is to the store."""

    OWN = "own"  # makes and changes tables: `mainspring migrate`, and dropping whole days of history
    WORK = "work"  # carries out runs: workers, the runner, the pulse, operators
    ENQUEUE = "enqueue"  # adds runs, and reads nothing of what others have handed over
    READ = "read"  # looks: dashboards, exports


# What an enqueue has to see of other runs: whether a key is taken, and where a run stands whose place it takes. No parameters, no results.
_SEEN = (
    "id", "created_at", "run_at", "ready_at", "deadline_at", "retry_of", "timeout_ms", "seq", "attempt", "pending_deps", "state", "pool",
    "priority", "retries", "max_retries", "rescues", "max_rescues", "params_version", "suspicion", "is_repeatable", "queue", "tenant",
    "task", "reason", "key", "limit_queue", "limit_task", "limit_key", "waits_for", "label", "origin", "actor",
    "schedule_id", "slot_at", "gate", "overlap", "overlap_most", "overlap_key", "depends", "blocked_by", "blocked_on",
)  # fmt: skip
# What the dedupe policies replace and debounce change of a run that waits. No claim, no node, no outcome: a run cannot be taken with these.
_CHANGED = (
    "params", "params_version", "queue", "priority", "pool", "state", "run_at", "ready_at", "waits_for", "reason", "deadline_at",
    "timeout_ms", "retries", "max_retries", "rescues", "max_rescues", "is_repeatable", "label", "origin", "actor", "meta", "limit_queue",
    "limit_task", "limit_key", "seq", "key", "schedule_id", "slot_at", "gate", "overlap", "overlap_most", "overlap_key", "depends",
    "blocked_by", "blocked_on",
)  # fmt: skip


def grants(role: DatabaseRole, schema: str = "mainspring") -> list[str]:
    """Return the statements that make a role and give it its rights; comments are lines of their own."""
    name = f"{schema}_{role}"
    make = f"do $$ begin create role {name} nologin; exception when duplicate_object then null; end $$;"
    return [f"-- {_ABOUT[role]}", make, *(each.format(schema=schema, role=name) for each in _RIGHTS[role]())]


_ABOUT = {
    DatabaseRole.OWN: "own: makes the tables. Run 'mainspring migrate' with it, and 'mainspring prune' where whole days are to be dropped.",
    DatabaseRole.WORK: "work: workers and operators. Everything but the schema, and the audit trail only to add to it.",
    DatabaseRole.ENQUEUE: "enqueue: web processes that add runs. Reads no parameters and no results, claims nothing.",
    DatabaseRole.READ: "read: looks at everything but at who may come in, changes nothing.",
}


def _own() -> Iterator[str]:
    yield "do $$ begin execute format('grant create on database %I to {role}', current_database()); end $$;"
    yield "create schema if not exists {schema} authorization {role};"
    yield "grant all on schema {schema} to {role};"
    yield "-- What a login makes is to belong to the role: 'alter role LOGIN set role {role};'. What is there already is handed over with"
    yield "-- 'reassign owned by WHOEVER to {role};'."


def _work() -> Iterator[str]:
    yield "grant usage on schema {schema} to {role};"
    yield "grant select, insert, update, delete on all tables in schema {schema} to {role};"
    yield "revoke update, delete, truncate on {schema}.audit from {role};"
    yield "revoke insert, update, delete, truncate on {schema}.migrations from {role};"
    yield "-- Nodes see each other's connections, to tell a dead one from a silent one; without this, those of other logins look dead."
    yield "grant pg_read_all_stats to {role};"


def _enqueue() -> Iterator[str]:
    yield "grant usage on schema {schema} to {role};"
    yield f"grant insert, select ({', '.join(_SEEN)}) on {{schema}}.hot_runs to {{role}};"
    yield "-- The next is for the dedupe policies replace and debounce; leave it out where nobody uses them."
    yield f"grant update ({', '.join(_CHANGED)}) on {{schema}}.hot_runs to {{role}};"
    yield "grant select (id) on {schema}.history to {role};"
    yield "grant insert on {schema}.events, {schema}.artifacts to {role};"
    yield "grant insert, select (id) on {schema}.audit to {role};"
    yield "grant select, insert, update on {schema}.dedupe to {role};"
    yield "grant select, insert on {schema}.dedupe_requests to {role};"
    yield "grant select, insert, update, delete on {schema}.idempotency to {role};"
    yield "grant select, insert, update (loose_at) on {schema}.files to {role};"
    yield "grant select, insert, delete on {schema}.run_search to {role};"
    yield "grant select on {schema}.migrations, {schema}.definitions, {schema}.queues to {role};"
    yield "grant select on {schema}.task_switches, {schema}.task_overlaps to {role};"


def _read() -> Iterator[str]:
    yield "grant usage on schema {schema} to {role};"
    yield "grant select on all tables in schema {schema} to {role};"
    yield "-- Not what opens doors, though it is hashed or encrypted."
    private = ", ".join("{schema}." + table for table in ("users", "tokens", "sessions", "links", "sign_ins", "secrets"))
    yield f"revoke all on {private} from {{role}};"


_RIGHTS = {DatabaseRole.OWN: _own, DatabaseRole.WORK: _work, DatabaseRole.ENQUEUE: _enqueue, DatabaseRole.READ: _read}
