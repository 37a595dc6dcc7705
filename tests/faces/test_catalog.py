"""Every operation of the catalogue: what it declares, that the command line has it, and that a mutation leaves a trace."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from pydantic import BaseModel

from mainspring import Mainspring
from mainspring.operations.catalog import CATALOG
from tests.faces.conftest import Cli

# How each operation is asked for on the command line; {done} is a completed run, {waiting} one that waits, {error} an error.
CASES = {
    "tasks.list": ["tasks", "list"],
    "tasks.show": ["tasks", "show", "add"],
    "tasks.enable": ["tasks", "enable", "add", "--reason", "because"],
    "tasks.disable": ["tasks", "disable", "add", "--reason", "because"],
    "tasks.types": ["types", "add"],
    "tasks.manifest": ["index"],
    "tasks.check": ["tasks", "check", "add", "--params", '{{"a": 1}}'],
    "runs.enqueue": ["enqueue", "--reason", "because", "add", "--a", "1"],
    "runs.list": ["runs", "list", "--limit", "1"],
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
    "audit.list": ["audit", "list"],
    "nodes.list": ["nodes", "list", "--all"],
    "stats.show": ["stats", "show", "--since", "1h"],
    "queues.list": ["queues", "list"],
    "queues.pause": ["queues", "pause", "default", "--reason", "because"],
    "queues.resume": ["queues", "resume", "default", "--reason", "because"],
    "limits.list": ["limits", "list"],
    "limits.set": ["limits", "set", "queue:default", "--concurrency", "3", "--reason", "because"],
    "limits.clear": ["limits", "clear", "queue:default", "--reason", "because"],
    "system.doctor": ["doctor"],
    "system.schema": ["migrate", "--status"],
    "system.migrate": ["migrate"],
    "system.grants": ["migrate", "--grants", "work"],
}


def audit_rows(url: str) -> list[dict[str, Any]]:
    """Return the audit trail, newest first."""

    async def read() -> list[dict[str, Any]]:
        async with Mainspring(url) as app:
            rows: list[dict[str, Any]] = await (await app.store()).audit.page()
            return rows

    return asyncio.run(read())


def run_ids(cli: Cli, words: list[str]) -> dict[str, str]:
    """Make the runs that the words of a case name, and others that are there anyway."""
    ids = {"done": cli.run_object("add", "--a", "1")["id"], "waiting": cli.ok("enqueue", "sleeps").strip()}
    if "fails" in words or words[0] == "errors":
        ids["error"] = cli.run_object("fails")["error"]["fingerprint"]
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
def test_the_command_line_has_it_and_a_mutation_is_audited(name: str, cli: Cli) -> None:
    ids = run_ids(cli, CASES[name])
    before = len(audit_rows(cli.url))
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


@pytest.mark.parametrize("name", CATALOG)
def test_people_get_words_instead(name: str, cli: Cli) -> None:
    ids = run_ids(cli, CASES[name])
    told = cli(*[word.format(**ids) for word in CASES[name]])
    assert told.exit_code == 0
    assert '"v": 1' not in told.stdout
    assert told.output.strip()
