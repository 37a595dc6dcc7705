"""Every operation of the catalogue: what it declares, that the command line has it, and that a mutation leaves a trace."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from mainspring import Mainspring
from mainspring.core.access import EVERYTHING, User, UserRole
from mainspring.core.door import Rights
from mainspring.core.event import EventKind
from mainspring.core.ids import IdMaker, make_claim_id
from mainspring.core.run import Completed
from mainspring.core.service import Instances, StopReason, decide_service
from mainspring.operations.catalog import CATALOG
from mainspring.operations.entry import Visit, open_session
from mainspring.store.audit import AuditStore, Entry
from mainspring.store.runs import Entry as Record
from mainspring.store.runs import Settlement
from mainspring.store.services import Answer, Declared
from tests.faces.conftest import Cli

# How each operation is asked for on the command line; {done} is a completed run, {waiting} one that waits, {error} an error.
CASES = {
    "tasks.list": ["tasks", "list"],
    "tasks.show": ["tasks", "show", "add"],
    "tasks.enable": ["tasks", "enable", "add", "--reason", "because"],
    "tasks.disable": ["tasks", "disable", "add", "--reason", "because"],
    "tasks.overlap": ["tasks", "overlap", "add", "queue:2", "--reason", "because"],
    "tasks.overview": ["tasks", "overview", "--q", "add"],
    "tasks.measure": ["tasks", "measure", "add"],
    "tasks.options": ["tasks", "options", "wipe", "path"],
    "presets.list": ["presets", "list", "{of_preset}"],
    "presets.save": ["presets", "save", "add", "ours", "--params", '{{"a": 1}}', "--shared"],
    "presets.delete": ["presets", "delete", "add", "{preset}"],
    "favourites.list": ["favourites", "list"],
    "favourites.add": ["favourites", "add", "add"],
    "favourites.remove": ["favourites", "remove", "{marked}"],
    "tasks.types": ["types", "add"],
    "tasks.manifest": ["index"],
    "tasks.check": ["tasks", "check", "add", "--params", '{{"a": 1}}'],
    "runs.enqueue": ["enqueue", "--reason", "because", "add", "--a", "1"],
    "runs.count": ["runs", "count", "--state", "lost", "--since", "1h"],
    "runs.list": ["runs", "list", "--limit", "1"],
    "runs.tally": ["runs", "tally", "--query", "task:add"],
    "runs.family": ["runs", "family", "{done}"],
    "runs.bulk": ["runs", "bulk", "pin", "--id", "{done}", "--reason", "because"],
    "views.list": ["views", "list"],
    "views.save": ["views", "save", "failures", "--query", "status:failed"],
    "views.remove": ["views", "remove", "{view}"],
    "runs.show": ["runs", "show", "{done}"],
    "runs.cancel": ["runs", "cancel", "{waiting}", "--reason", "because"],
    "runs.retry": ["runs", "retry", "{done}", "--reason", "because"],
    "runs.logs": ["runs", "logs", "{done}"],
    "runs.events": ["runs", "events", "{done}"],
    "runs.attempts": ["runs", "attempts", "{done}"],
    "runs.artifacts": ["runs", "artifacts", "{left}"],
    "runs.explain": ["explain", "{done}"],
    "runs.retrymany": ["runs", "retry", "--task", "fails", "--yes", "--reason", "because"],
    "runs.pin": ["runs", "pin", "{done}", "--reason", "because"],
    "runs.unpin": ["runs", "unpin", "{done}", "--reason", "because"],
    "runs.delete": ["runs", "delete", "{done}", "--yes", "--reason", "because"],
    "runs.expired": ["prune", "--dry-run", "--older-than", "1ms"],
    "runs.prune": ["prune", "--older-than", "1ms", "--yes", "--reason", "because"],
    "errors.list": ["errors", "list"],
    "errors.show": ["errors", "show", "{error}"],
    "errors.resolve": ["errors", "resolve", "{error}", "--reason", "because"],
    "errors.ignore": ["errors", "ignore", "{error}", "--reason", "because"],
    "errors.heed": ["errors", "heed", "{error}", "--reason", "because"],
    "dead.list": ["dead", "list"],
    "dead.groups": ["dead", "groups"],
    "dead.discard": ["dead", "discard", "--task", "fails", "--reason", "because"],
    "events.list": ["events", "list", "--source", "run"],
    "audit.list": ["audit", "list"],
    "users.list": ["users", "list"],
    "users.add": ["users", "add", "bob", "--role", "operator", "--no-password", "--reason", "because"],
    "users.role": ["users", "role", "{person}", "--role", "admin", "--reason", "because"],
    "users.password": ["users", "password", "{person}", "--from", "{file}", "--reason", "because"],
    "users.disable": ["users", "disable", "{person}", "--reason", "because"],
    "users.enable": ["users", "enable", "{person}", "--reason", "because"],
    "users.remove": ["users", "remove", "{person}", "--reason", "because"],
    "tokens.list": ["tokens", "list"],
    "tokens.add": ["tokens", "add", "ci", "--role", "operator", "--tasks", "add", "--reason", "because"],
    "tokens.revoke": ["tokens", "revoke", "{token}", "--reason", "because"],
    "sessions.list": ["sessions", "list"],
    "sessions.revoke": ["sessions", "revoke", "{session}", "--reason", "because"],
    "secrets.list": ["secrets", "list"],
    "secrets.set": ["secrets", "set", "API", "--from", "{file}", "--reason", "because"],
    "secrets.remove": ["secrets", "remove", "{secret}", "--reason", "because"],
    "secrets.rotate": ["secrets", "rotate", "--reason", "because"],
    "notices.list": ["notices", "list"],
    "nodes.list": ["nodes", "list", "--all"],
    "runner.status": ["runner", "status"],
    "runner.stop": ["runner", "stop", "n1", "--reason", "because"],
    "runner.pause": ["runner", "pause", "--all", "--reason", "because"],
    "runner.resume": ["runner", "resume", "n1", "--reason", "because"],
    "runner.quiet": ["runner", "quiet", "n1", "--reason", "because"],
    "health.show": ["health"],
    "maintenance.show": ["maintenance", "show"],
    "maintenance.on": ["maintenance", "on", "--reason", "because"],
    "maintenance.off": ["maintenance", "off", "--reason", "because"],
    "stats.show": ["stats", "show", "--since", "1h", "--by", "hour"],
    "stats.overview": ["stats", "overview", "--window", "15m"],
    "stats.samples": ["stats", "samples"],
    "schedules.list": ["schedules", "list"],
    "schedules.show": ["schedules", "show", "tidy"],
    "schedules.next": ["schedules", "next", "tidy"],
    "schedules.preview": ["schedules", "preview", "0 3 * * *"],
    "schedules.agenda": ["schedules", "agenda", "--within", "7d"],
    "schedules.history": ["schedules", "history", "{scheduled}"],
    "schedules.pause": ["schedules", "pause", "tidy", "--reason", "because"],
    "schedules.resume": ["schedules", "resume", "{paused}", "--reason", "because"],
    "schedules.skip": ["schedules", "skip", "tidy", "--reason", "because"],
    "schedules.run": ["schedules", "run", "tidy", "--reason", "because"],
    "schedules.backfill": ["schedules", "backfill", "{made}", "3d", "--reason", "because"],
    "schedules.edit": ["schedules", "edit", "tidy", "0 3 * * *", "--reason", "because"],
    "schedules.reset": ["schedules", "reset", "tidy", "--reason", "because"],
    "schedules.enable": ["schedules", "enable", "tidy", "--reason", "because"],
    "schedules.disable": ["schedules", "disable", "tidy", "--reason", "because"],
    "schedules.create": ["schedules", "create", "nightly", "counts", "0 3 * * *", "--reason", "because"],
    "schedules.delete": ["schedules", "delete", "{made}", "--yes", "--reason", "because"],
    "queues.list": ["queues", "list"],
    "queues.show": ["queues", "show", "default"],
    "queues.pause": ["queues", "pause", "default", "--reason", "because"],
    "queues.resume": ["queues", "resume", "default", "--reason", "because"],
    "limits.list": ["limits", "list"],
    "limits.set": ["limits", "set", "queue:default", "--concurrency", "3", "--reason", "because"],
    "limits.clear": ["limits", "clear", "queue:default", "--reason", "because"],
    "services.list": ["services", "list"],
    "services.show": ["services", "show", "mailer"],
    "services.start": ["services", "start", "mailer", "--reason", "because"],
    "services.stop": ["services", "stop", "mailer", "--reason", "because"],
    "services.restart": ["services", "restart", "mailer", "--reason", "because"],
    "services.enable": ["services", "enable", "mailer", "--reason", "because"],
    "services.disable": ["services", "disable", "mailer", "--reason", "because"],
    "services.forget": ["services", "forget", "mailer", "--reason", "because"],
    "services.history": ["services", "history", "mailer"],
    "services.logs": ["services", "logs", "mailer"],
    "services.uptime": ["services", "uptime"],
    "services.samples": ["services", "samples", "mailer"],
    "system.has": ["has", "schedules"],
    "pulse.execute": ["pulse", "execute", "--budget", "8m", "--only", "wipe", "--force", "wipe", "--reason", "because"],
    "tenants.list": ["tenants", "list"],
    "tenants.show": ["tenants", "show", "a"],
    "tenants.add": ["tenants", "add", "a", "--title", "The first", "--reason", "because"],
    "tenants.suspend": ["tenants", "suspend", "a", "--reason", "because"],
    "tenants.restore": ["tenants", "restore", "{suspended}", "--reason", "because"],
    "tenants.delete": ["tenants", "delete", "a", "--yes", "--reason", "because"],
    "tenants.quota": ["tenants", "quota", "a", "--waiting", "10", "--bytes", "1GB", "--reason", "because"],
    "tenants.retention": ["tenants", "retention", "a", "--completed", "7d", "--reason", "because"],
    "owners.list": ["owners", "list"],
    "owners.gone": ["owners", "gone", "{owner}", "--reason", "because"],
    "pulse.status": ["pulse", "status"],
    "pulse.history": ["pulse", "history"],
    "system.doctor": ["doctor"],
    "system.schema": ["migrate", "--status"],
    "system.migrate": ["migrate"],
    "system.grants": ["migrate", "--grants", "work"],
}


def audit_rows(url: str) -> list[dict[str, Any]]:
    """Return the audit trail, newest first."""

    async def read() -> list[dict[str, Any]]:
        async with Mainspring(url) as app:
            rows: list[dict[str, Any]] = await (await app.store()).audit.page(scope=EVERYTHING)
            return rows

    return asyncio.run(read())


def count_rows_of_their_own(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return where audit rows are noted that are written apart from the change that they tell of."""
    apart: list[str] = []
    add = AuditStore.add_entry

    async def add_apart(store: AuditStore, entry: Entry) -> None:
        apart.append(entry.verb)
        await add(store, entry)

    monkeypatch.setattr(AuditStore, "add_entry", add_apart)
    return apart


async def have_served(url: str) -> None:
    """Leave behind what a service does: a start with a line in its log and an answer of its probe, which is over."""
    async with Mainspring(url) as app:
        store, node = await app.store(), make_claim_id()
        await store.nodes.register(node, name="n1", host="here", pid=1, lease=timedelta(minutes=1), facts={})
        await store.services.declare([Declared("mailer", "", Instances.ONE, True, {"title": "Mailer"})])
        (seen,) = await store.services.look("n1")
        begun = await store.services.start(seen.standing, IdMaker().make(time.time_ns() // 1_000_000), make_claim_id(), node)
        assert begun is not None
        run = begun[0]
        await store.services.sample([Answer("mailer", "", run.id, 0.0, True, 1.0)])
        said = Record(0.0, EventKind.LOG, {"level": "info", "stream": "log", "message": "here"})
        decision = decide_service(Completed(), StopReason.SHUTDOWN)
        assert await store.runs.settle([Settlement(run.id, run.claim_id, decision, 1.0, [said])])


async def have_lived(url: str) -> None:
    """Leave a node behind that lives."""
    async with Mainspring(url) as app:
        nodes = (await app.store()).nodes
        await nodes.register(make_claim_id(), name="n1", host="here", pid=1, lease=timedelta(minutes=1), facts={"role": "all"})


async def have_signed_in(url: str) -> None:
    """Leave a browser behind that is signed in."""
    async with Mainspring(url) as app:
        await open_session(app, "link", "link", Rights(UserRole.ADMIN), Visit())


def doors(cli: Cli) -> dict[str, str]:
    """Make somebody, a token, a session and a secret, and a file with what is not to be an argument."""
    file = cli.cwd / "what-nobody-sees"
    file.write_text("correct horse battery staple\n")
    asyncio.run(have_signed_in(cli.url))
    return {
        "file": str(file), "person": cli.object("users", "add", "ada", "--no-password")["name"],
        "token": cli.object("tokens", "add", "cd")["id"], "session": cli.object("sessions", "list")["id"],
        "secret": cli.object("secrets", "set", "DB", "--from", str(file))["name"],
    }  # fmt: skip


async def have_known(url: str, name: str) -> None:
    """Leave somebody behind who has started something."""
    async with Mainspring(url) as app:
        await (await app.store()).owners.know(User(name, UserRole.OPERATOR, kind="header"))


def run_ids(cli: Cli, words: list[str]) -> dict[str, str]:
    """Make the runs that the words of a case name, and others that are there anyway."""
    ids = {"done": cli.run_object("add", "--a", "1")["id"], "waiting": cli.ok("enqueue", "sleeps").strip()}
    if words[0] == "runner":
        asyncio.run(have_lived(cli.url))
    if words[0] == "services":
        asyncio.run(have_served(cli.url))
    if "fails" in words or words[0] in ("errors", "dead"):
        ids["error"] = cli.run_object("fails")["error"]["fingerprint"]
    if words[:2] == ["pulse", "history"]:
        cli.ok("pulse", "execute", "--budget", "1s")
    if "{scheduled}" in words:
        ids["scheduled"] = cli.object("schedules", "run", "tidy")["name"]
    if "{view}" in words or words[:2] == ["views", "list"]:
        ids["view"] = cli.object("views", "save", "ours")["id"]
    if "{preset}" in words or "{of_preset}" in words:
        kept = cli.object("presets", "save", "add", "ours", "--params", '{"a": 1}')
        ids |= {"preset": str(kept["id"]), "of_preset": kept["task"]}
    if words[0] == "favourites" and words[1] != "add":
        ids["marked"] = cli.object("favourites", "add", "add")["task"]
    if "{paused}" in words:
        ids["paused"] = cli.object("schedules", "pause", "tidy")["name"]
    if words[:2] == ["maintenance", "off"]:
        cli.ok("maintenance", "on")
    if words[:2] == ["schedules", "reset"]:
        cli.ok("schedules", "edit", "tidy", "--tz", "Europe/Berlin")
    if "{suspended}" in words or words == ["tenants", "list"]:
        ids["suspended"] = cli.object("tenants", "suspend", "b")["name"]
    if "{owner}" in words or words == ["owners", "list"]:
        ids["owner"] = "anna"
        asyncio.run(have_known(cli.url, "anna"))
    if words[0] == "notices":
        cli.ok("schedules", "pause", "tidy")
    if "{made}" in words:
        ids["made"] = cli.object("schedules", "create", "nightly", "counts", "0 3 * * *")["name"]
    if words[0] in ("users", "tokens", "sessions", "secrets"):
        ids |= doors(cli)
    return ids | ({"left": cli.run_object("leaves")["id"]} if "{left}" in words else {})


def test_every_operation_has_a_case() -> None:
    assert CASES.keys() == CATALOG.keys()


@pytest.mark.parametrize("name", CATALOG)
def test_an_operation_declares_itself(name: str) -> None:
    operation = CATALOG[name]
    assert re.fullmatch(r"[a-z]+\.[a-z]+", name)
    assert operation.name == name
    assert operation.summary.endswith(".")
    assert issubclass(operation.request, BaseModel)
    assert issubclass(operation.response, BaseModel)
    assert all(field.description for field in operation.request.model_fields.values())


@pytest.mark.scenario("U3", part="cli")
@pytest.mark.parametrize("name", CATALOG)
@pytest.mark.scenario("B-21", part="one row each")
def test_the_command_line_has_it_and_a_mutation_is_audited(name: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = run_ids(cli, CASES[name])
    before = len(audit_rows(cli.url))
    apart = count_rows_of_their_own(monkeypatch)
    answers = cli.objects(*[word.format(**ids) for word in CASES[name]])
    assert answers
    assert all(answer["v"] == 1 for answer in answers)
    rows = audit_rows(cli.url)
    if CATALOG[name].is_read_only:
        assert len(rows) == before
        return
    assert len(rows) == before + 1
    row = rows[0]
    assert (row["verb"], row["source"]) == (name, "cli")
    assert "@" in row["actor"]
    assert row["object"] == (CATALOG[name].changes or "").format(**answers[0])
    assert row["reason"] == ("because" if "because" in CASES[name] else None)
    assert CATALOG[name].keeps_own_audit or not apart, "its row is not in the transaction of its change: see operations.operation.tell"


@pytest.mark.parametrize("name", CATALOG)
def test_people_get_words_instead(name: str, cli: Cli) -> None:
    ids = run_ids(cli, CASES[name])
    told = cli(*[word.format(**ids) for word in CASES[name]])
    assert told.exit_code == 0
    assert '"v": 1' not in told.stdout
    assert told.output.strip()
