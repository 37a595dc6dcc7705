"""Plans: what the databases do with our statements on empty, small and large tables, and rules for the texts themselves."""

import ast
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import mainspring
from mainspring.store import queries
from mainspring.store.migrate import Migrations
from mainspring.store.postgres import _SETTINGS, PostgresDatabase
from mainspring.store.queries import Dialect
from mainspring.store.sqlite import SqliteDatabase
from tests import postgres
from tests.store.harness import new_postgres

SOURCES = Path(mainspring.__file__).parent
BIG = re.compile(r"^(hot_runs|history|attempts|events)(_\d{8}|_rest)?$")

# Which index of hot_runs each statement stands on, and whether the table is only touched through it.
STANDS_ON = {
    "runs_claim": {"hot_runs_lane", "hot_runs_pkey"},
    "runs_lanes": {"hot_runs_lane"},
    "runs_promote": {"hot_runs_due", "hot_runs_pkey"},
    "runs_next_due": {"hot_runs_due"},
    "runs_unblock": {"hot_runs_blocked", "hot_runs_pkey"},
    "runs_expired": {"hot_runs_deadline"},
    "runs_orphans": {"hot_runs_node"},
    "runs_strays": {"hot_runs_node"},
    "runs_overdue": {"hot_runs_node"},
    "runs_held_by": {"hot_runs_node"},
    "runs_claimed_under": {"hot_runs_node"},
    "nodes_beat": {"hot_runs_cancel"},
    "nodes_forget": {"hot_runs_node"},
    "runs_complete": {"hot_runs_pkey"},
    "runs_settle": {"hot_runs_pkey"},
    "runs_append": {"hot_runs_pkey"},
    "runs_stop": {"hot_runs_pkey"},
    "runs_take": {"hot_runs_pkey"},
    "runs_get": {"hot_runs_pkey"},
    "runs_seqs": {"hot_runs_pkey"},
    "runs_outcome": {"hot_runs_pkey"},
    "runs_besides": {"hot_runs_pkey"},
    "runs_params_version": {"hot_runs_pkey"},
    "runs_page": {"hot_runs_pkey"},
    "runs_page_of_task": {"hot_runs_pkey"},
    "runs_page_of_states": {"hot_runs_pkey"},
    "runs_find": {"hot_runs_pkey"},
    "runs_add": {"hot_runs_pkey", "hot_runs_key"},
    "limits_look": {"hot_runs_waits", "hot_runs_goes_queue", "hot_runs_goes_task", "hot_runs_goes_key"},
    "limits_admit": {"hot_runs_waits", "hot_runs_goes_queue", "hot_runs_goes_task", "hot_runs_goes_key", "hot_runs_pkey"},
    "limits_list": {"hot_runs_waits", "hot_runs_goes_queue", "hot_runs_goes_task", "hot_runs_goes_key"},
    "limits_forget": {"hot_runs_waits", "hot_runs_goes_queue", "hot_runs_goes_task", "hot_runs_goes_key"},
    "limits_waiting_for": {"hot_runs_pkey", "hot_runs_waits"},
    "limits_stray": {"hot_runs_lane", "hot_runs_node"},
    "limits_adopt": {"hot_runs_pkey"},
    "dedupe_add": {"hot_runs_pkey", "hot_runs_key"},
    "gates_ask": {"hot_runs_overlap", "hot_runs_pkey"},
}
# These read an index from its beginning and stop at a limit: nothing to look for.
# Or they read an index that holds no more than what runs right now.
WITHOUT_CONDITION = {
    "runs_lanes", "runs_find", "runs_waiting", "runs_overdue", "runs_strays", "nodes_forget", "limits_stray",
}  # fmt: skip
# They look through all of one partition on purpose: upkeep, hourly.
# Up to a bound; a switch that an operator throws, and once a minute in the whole fleet.
COUNTS = {"runs_waiting", "runs_of_task", "runs_hold", "samples_take"}
ASKED = {"stats_spread"}  # exact figures of the log that a person asks for, as large as retention leaves it; on no path of a task
UPKEEP = {"upkeep_threats", "upkeep_dead_rows", "upkeep_partitions"}

# Bounds that leave all partitions in; the plan is the generic one, whatever the values.
SAMPLES = {
    "before": "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
    "lowest": "'00000000-0000-0000-0000-000000000000'",
    "highest": "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
}

FILL = """
insert into mainspring.hot_runs (id, created_at, run_at, ready_at, deadline_at, claim_id, node_id, state, priority, queue, task, key,
                                 reason, cancel_requested)
select ('0a1b2c3d-' || part || lpad(to_hex(n), 12, '0'))::uuid, now(), now() + (n - {n} / 2) * interval '1 s',
       case when state = 3 then now() end, case when n % 50 = 0 then now() + n * interval '1 s' end,
       case when state = 4 then gen_random_uuid() end, case when state = 4 then gen_random_uuid() end, state, n % 5, 'q' || n % 3,
       't' || n % 10, case when n % 7 = 0 then 'k' || n end, case when state = 1 then 'no capable node' end, state = 4 and n % 100 = 0
from (select n, case when n % 20 = 0 then 1 when n % 4 = 0 then 2 when n % 10 = 1 then 4 else 3 end as state,
             '0000-7' || lpad(to_hex(n / 16), 3, '0') || '-8000-' as part
      from generate_series(1, {n}) n) as numbers
on conflict do nothing;
insert into mainspring.hot_runs (id, created_at, ready_at, claim_id, node_id, state, priority, queue, task, limit_queue, limit_task,
                                 limit_key, waits_for, reason)
select ('0b1b2c3d-0000-7' || lpad(to_hex(n / 16), 3, '0') || '-8000-' || lpad(to_hex(n), 12, '0'))::uuid, now(),
       case when state = 3 then now() end, case when state = 4 then gen_random_uuid() end, case when state = 4 then gen_random_uuid() end,
       state, n % 5, 'q' || n % 3, 't' || n % 10, 'queue:q' || n % 3, 'task:t' || n % 10, 'key::' || n % 100,
       case when state = 0 then 'key::' || n % 100 end, case when state = 0 then 'limit' end
from (select n, case when n % 50 = 0 then 3 when n % 50 = 1 then 4 else 0 end as state from generate_series(1, {n}) n) as numbers
on conflict do nothing;
insert into mainspring.limits (key, code, binds_queue, created_at, changed_at)
select 'queue:q' || n, '{{"concurrency": 5}}', 'q' || n, now(), now() from generate_series(1, least({n}, 3)) n on conflict do nothing;
insert into mainspring.limits (key, code, binds_task, created_at, changed_at)
select 'task:t' || n, '{{"concurrency": 5}}', 't' || n, now(), now() from generate_series(1, least({n}, 10)) n on conflict do nothing;
insert into mainspring.limits (key, follows, created_at, changed_at)
select 'key::' || n, 'each:t', now(), now() from generate_series(0, {n} / 5) n on conflict do nothing;
insert into mainspring.history (id, created_at, finished_at, seq, attempt, state, pool, priority, retries, max_retries, rescues,
                                params_version, queue, tenant, task, origin, params)
select ('01a1f8ea-0000-7' || lpad(to_hex(n / 16), 3, '0') || '-8000-' || lpad(to_hex(n), 12, '0'))::uuid, now(), now(), 4, 1,
       case when n % 100 = 0 then 11 else 10 end, 0, 2, 0, 3, 0, 1, 'q', '', 't' || n % 10, 'api', '{{}}'
from generate_series(1, {n}) n
on conflict do nothing;
"""


@pytest.fixture(scope="module")
def plans() -> dict[tuple[str, str], dict[str, Any]]:
    """Every statement's generic plan on empty, small and large tables, before and after ANALYZE, under our settings."""
    url = new_postgres()
    database = PostgresDatabase(url)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    with psycopg.connect(url, autocommit=True) as filler:
        for size, n in (("empty", 0), ("small", 300), ("large", 50_000)):
            filler.execute(FILL.format(n=n).encode())
            for analysis in ("as it comes", "analyzed"):
                if analysis == "analyzed":
                    filler.execute("analyze")
                with psycopg.connect(url, autocommit=True) as connection:
                    for name, value in _SETTINGS.items():
                        connection.execute(f"set {name} = '{value}'".encode())
                    for name in queries.names("postgres"):
                        found[name, f"{size}, {analysis}"] = _explain(connection, database, name)
    postgres.drop_database(url)
    return found


def _explain(connection: psycopg.Connection, database: PostgresDatabase, name: str) -> dict[str, Any]:
    query = database.query(name)
    if query.together:
        return {"Node Type": "Together", "Plans": [_explain_one(connection, name, *each) for each in query.together]}
    return _explain_one(connection, name, query.numbered, query.parameters)


def _explain_one(connection: psycopg.Connection, name: str, text: str, parameters: tuple[str, ...]) -> dict[str, Any]:
    connection.execute(f"prepare {name} as {text}".encode())
    samples = SAMPLES if name.startswith("runs_") else {}
    values = ", ".join(samples.get(each, "null") for each in parameters)
    row = connection.execute(f"explain (format json) execute {name}{f'({values})' if values else ''}".encode()).fetchone()
    connection.execute(f"deallocate {name}".encode())
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def _indexes(plan: dict[str, Any]) -> set[str]:
    return {node["Index Name"] for node in nodes(plan) if "Index Name" in node}


@pytest.mark.failure(34)
@pytest.mark.scenario("C5", part="plans")
def test_no_statement_reads_a_big_table_whole(plans: dict[tuple[str, str], dict[str, Any]]) -> None:
    for (name, tables), plan in plans.items():
        whole = [node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan" and BIG.match(node["Relation Name"])]
        assert not whole or name in UPKEEP | COUNTS | ASKED, f"{name} ({tables}) reads {whole} whole"


@pytest.mark.failure(39)
def test_no_statement_reads_by_a_bitmap(plans: dict[tuple[str, str], dict[str, Any]]) -> None:
    """A bitmap is made of all that matches, whatever the limit, and whoever reads by it marks no dead entry for those who follow."""
    for (name, tables), plan in plans.items():
        kinds = {node["Node Type"] for node in nodes(plan)}
        assert "Bitmap Heap Scan" not in kinds or name in COUNTS, f"{name} ({tables})"


@pytest.mark.failure(34)
@pytest.mark.parametrize("name", sorted(STANDS_ON))
def test_a_statement_stands_on_its_index_whatever_the_size_of_the_table(plans: dict[tuple[str, str], dict[str, Any]], name: str) -> None:
    for tables in sorted({each for _, each in plans}):
        plan = plans[name, tables]
        used = {index for index in _indexes(plan) if index.startswith("hot_runs_")}
        assert used == STANDS_ON[name], f"on {tables} tables"
        if name not in WITHOUT_CONDITION:
            for node in nodes(plan):
                is_on_hot = node.get("Index Name", "").startswith("hot_runs_")
                assert not is_on_hot or "Index Cond" in node, f"{name} ({tables}) reads {node.get('Index Name')} whole"


@pytest.mark.failure(34)
def test_the_claim_is_the_shape_that_was_measured(plans: dict[tuple[str, str], dict[str, Any]]) -> None:
    for (name, tables), plan in plans.items():
        if name != "runs_claim":
            continue
        (lane,) = [node for node in nodes(plan) if node.get("Index Name") == "hot_runs_lane"]
        for part in (
            "queue = lane.queue",
            "tenant = lane.tenant",
            "pool = lane.pool",
            "priority = lane.priority",
            "ready_at >= lane.since",
        ):
            assert part in lane["Index Cond"], tables
        kinds = [node["Node Type"] for node in nodes(plan)]
        assert "Sort" not in kinds, f"{tables}: the index gives the order"
        assert kinds.index("LockRows") < kinds.index("Index Scan", kinds.index("LockRows")), "rows are locked as they are found"


@pytest.mark.failure(34)
def test_due_runs_are_found_by_an_index_condition(plans: dict[tuple[str, str], dict[str, Any]]) -> None:
    for (name, _), plan in plans.items():
        if name in ("runs_promote", "runs_next_due"):
            (due,) = [node for node in nodes(plan) if node.get("Index Name") == "hot_runs_due"]
            assert "run_at >=" in due["Index Cond"]
            assert "run_at <=" in due["Index Cond"] or name == "runs_next_due"


def test_pages_of_one_task_or_of_failures_use_their_own_index(plans: dict[tuple[str, str], dict[str, Any]]) -> None:
    for (name, tables), plan in plans.items():
        for query, column in (("runs_page_of_task", "task"), ("runs_page_of_states", "state")):
            if name == query and tables.startswith("large"):
                conditions = [
                    node["Index Cond"] for node in nodes(plan) if re.match(r"history_\w+_(task|state)_id_idx", node.get("Index Name", ""))
                ]
                assert conditions and all(f"{column} =" in each and "id <" in each for each in conditions), tables


LISTS = ("id", "task", "state", "tenant", "actor", "label", "schedule", "queue", "key")


@pytest.mark.scenario("B-29", part="plans")
@pytest.mark.parametrize("way", ["down", "up"])
@pytest.mark.parametrize("by", LISTS)
def test_lists_stand_on_their_index_in_its_order(plans: dict[tuple[str, str], dict[str, Any]], by: str, way: str) -> None:
    """A window is read from the index in the order of ids and stops at its limit: nothing is sorted, and nothing looked at beyond."""
    known = {"id": r"history\w*_pkey", "state": r"history\w*_(wrong|state_id_idx\d*)"}.get(by, rf"history\w*_{by}(_id)*(_idx\d*)?")
    for query in ("runs_window", "runs_edge", "runs_tally"):
        for tables in ("small, analyzed", "large, analyzed"):
            plan = plans[f"{query}_by_{by}_{way}", tables]
            past = [node for node in nodes(plan) if node.get("Index Name", "").startswith("history")]
            assert past, f"{query} ({tables})"
            for node in past:
                assert re.fullmatch(known, node["Index Name"]), f"{query} ({tables}): {node['Index Name']}"
                assert "id >" in node["Index Cond"] and "id <" in node["Index Cond"], f"{query} ({tables}): {node['Index Cond']}"
            for node in nodes(plan):
                is_over_rows = any(under.get("Index Name", "").startswith("history") for under in nodes(node))
                is_sort = "Sort" in node["Node Type"] and is_over_rows
                assert not is_sort or query == "runs_tally", f"{query} ({tables}) sorts"  # those of a tally are a window's, to be grouped


# -- SQLite ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sqlite_plans() -> dict[str, list[str]]:
    """The plan of every statement on an empty database: SQLite without statistics goes by the schema alone."""
    database = SqliteDatabase(None)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for name in ("temp_held", "temp_limits", "temp_gates", "temp_schedules"):
        for statement in database.query(name).statements:
            connection.execute(statement)
    for step in Migrations(database).steps():
        connection.executescript(step.text.replace("mainspring.", "mainspring_"))
    found = {}
    for name in queries.names("sqlite"):
        lines: list[str] = []
        query = database.query(name)
        values = dict.fromkeys(query.parameters) | {"now": 0, "n": 1, "bound": 1}
        for statement in query.statements:
            if not statement.startswith("create"):
                lines += [row[3] for row in connection.execute(f"explain query plan {statement}", values)]
        found[name] = lines
    connection.close()
    return found


@pytest.mark.failure(34)
def test_sqlite_reads_no_big_table_whole(sqlite_plans: dict[str, list[str]]) -> None:
    big = re.compile(r"^SCAN mainspring_(hot_runs|history|attempts|events)\b(?! USING (COVERING )?INDEX)")
    for name, lines in sqlite_plans.items():
        whole = [line for line in lines if big.match(line)]
        assert not whole or name in UPKEEP | COUNTS | ASKED, f"{name}: {whole}"


@pytest.mark.failure(34)
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("runs_claim", r"hot_runs_lane \(queue=\? AND tenant=\? AND pool=\? AND priority=\? AND ready_at>\?\)"),
        ("runs_promote", r"hot_runs_due \(run_at>\? AND run_at<\?\)"),
        ("runs_next_due", r"hot_runs_due \(run_at>\?\)"),
        ("runs_orphans", r"hot_runs_node \(node_id=\?\)"),
        ("runs_strays", r"hot_runs_node"),
        ("runs_held_by", r"hot_runs_node \(node_id=\?\)"),
        ("runs_expired", r"hot_runs_deadline \(deadline_at<\?\)"),
        ("runs_unblock", r"hot_runs_blocked \(task=\?\)"),
        ("gates_look", r"hot_runs_gate \(run_at>\? AND run_at<\?\)"),
        ("gates_ask", r"hot_runs_overlap \(overlap_key=\?\)"),
        ("gates_depend", r"history_task \(task=\?\)"),
        ("schedules_look", r"schedules_due"),
        ("schedules_due", r"schedules_due \(next_at<\?\)"),
        ("schedules_fire", r"schedules USING INTEGER PRIMARY KEY|s USING INTEGER PRIMARY KEY"),
        ("schedules_taken", r"history_schedule \(schedule_id=\?\)"),
        ("schedules_taken", r"hot_runs_slot \(schedule_id=\? AND slot_at>\? AND slot_at<\?\)"),
        ("nodes_beat", r"hot_runs_cancel \(node_id=\?\)"),
        ("runs_page_of_task", r"history_task \(task=\? AND id<\?\)"),
        ("runs_page_of_states", r"history_wrong \(state=\? AND id<\?\)"),
        *(
            (f"runs_window_by_{by}_{way}", rf"SEARCH mainspring_history USING INDEX \S*{index} \({key}id>\? AND id<\?\)")
            for way in ("down", "up")
            for by, index, key in (
                ("id", "sqlite_autoindex_mainspring_history_1", ""),
                ("task", "history_task", r"task=\? AND "),
                ("state", "history_wrong", r"state=\? AND "),
                ("tenant", "history_tenant", r"tenant=\? AND "),
                ("actor", "history_actor", r"actor=\? AND "),
                ("label", "history_label", r"label=\? AND "),
                ("schedule", "history_schedule", r"schedule_id=\? AND "),
                ("queue", "history_queue", r"queue=\? AND "),
                ("key", "history_key", r"key=\? AND "),
            )
        ),
        ("runs_of_errors", r"attempts_fingerprint \(fingerprint=\? AND run_id<\?\)"),
    ],
)
def test_sqlite_stands_on_its_indexes(sqlite_plans: dict[str, list[str]], name: str, line: str) -> None:
    assert any(re.search(line, each) for each in sqlite_plans[name]), sqlite_plans[name]


# -- the texts ---------------------------------------------------------------------------------------------------------

DIALECTS: tuple[Dialect, ...] = ("sqlite", "postgres")
# From a word that begins a condition to the one that ends it.
_CLAUSE = re.compile(
    r"\b(?:where|on|having|and|or)\b((?:(?!\b(?:where|set|select|returning|values)\b).)*?)"
    r"(?=\b(?:where|group|order|limit|returning|for|set|select|and|or)\b|\)|$)",
    re.DOTALL,
)
TEXTS = {(dialect, name): queries.read_sql(dialect, name) for dialect in DIALECTS for name in queries.names(dialect)}


def _bare(text: str) -> str:
    return re.sub(r"--[^\n]*", "", text)


@pytest.mark.failure(34, 60)
def test_no_volatile_clock_stands_in_a_predicate() -> None:
    """{CLOCK} is for assignments: as a condition it is no index condition (283 ms against 0.7)."""
    for (dialect, name), text in TEXTS.items():
        bare = _bare(text)
        for clause in _CLAUSE.findall(bare):
            assert "{CLOCK}" not in clause, f"{name} ({dialect}): {clause.strip()}"
        assert not re.search(r"\b(now\(\)|clock_timestamp|current_timestamp|julianday|unixepoch)", bare), f"{name} reads a clock of its own"


@pytest.mark.failure(61)
def test_whoever_is_not_the_owner_of_rows_does_not_wait_for_them() -> None:
    """Multi-row writers of hot_runs skip what is locked, or are fenced by claims, whose batches are sorted by id: no deadlock."""
    owners = {"runs_complete", "runs_append"}
    for (dialect, name), text in TEXTS.items():
        bare = _bare(text)
        writes = re.search(r"\b(update|delete from)\s+mainspring\.hot_runs\b", bare)
        if dialect == "postgres" and writes and name not in owners:
            assert "for update skip locked" in bare or "skip locked" in bare, name
    settle = _bare(TEXTS["postgres", "runs_settle"])
    assert re.search(r"not :is_owner .* for update skip locked", settle)
    assert "order by run.id for update of run" in settle


@pytest.mark.failure(61)
def test_statistics_are_written_in_one_order() -> None:
    for (dialect, name), text in TEXTS.items():
        if dialect == "postgres" and "insert into mainspring.stats" in text:
            assert re.search(r"group by 1, 2(, 3)? order by 2(, 3)?\b", text), name


def test_temporary_tables_carry_our_name() -> None:
    """They are made on callers' own connections as well, where any other name may be taken."""
    for name in queries.names("sqlite"):
        bare = _bare(TEXTS["sqlite", name])
        named = re.findall(r"\btemp\.(\w+)", bare) + re.findall(r"\btemp table (?:if not exists )?(\w+)", bare)
        assert all(each.startswith("mainspring_") for each in named), f"{name}: {named}"


def test_every_file_is_used_and_every_used_name_has_a_file() -> None:
    used: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[a-z]+(_[a-z]+)+", node.value):
                used.add(node.value)
    known = {queries.base_of(name) for dialect in DIALECTS for name in queries.names(dialect)}
    assert known <= used, f"nobody asks {known - used}"
    calls = re.compile(r"\.(?:write|read|write_now|query)\(\s*\"(\w+)\"")
    asked = {name for path in (SOURCES / "store").glob("*.py") for name in calls.findall(path.read_text("utf-8"))}
    assert asked <= known, f"no file for {asked - known}"


def test_every_statement_says_in_its_first_line_what_it_is_for() -> None:
    for (dialect, name), text in TEXTS.items():
        assert re.match(r"-- [A-Z][^\n]{10,}", text), f"{name} ({dialect})"


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(LookupError, match="no query 'nonsense' for sqlite"):
        queries.read_sql("sqlite", "nonsense")


def test_slots_become_what_the_drivers_want() -> None:
    query = queries.load("postgres", "runs_promote", prefix="app.", now="N()", clock="C()")
    assert "app.hot_runs" in query.numbered and "mainspring." not in query.numbered
    assert "run_at <= N()" in query.numbered and "then C() end" in query.numbered
    assert query.parameters == ("since", "n")
    assert "%(n)s" in query.statements[0] and "$1" in query.numbered
    assert json.dumps(query.statements)
