"""``mainspring check --against URL``: whether this code may take over a store. Imported, as the store is, only when that is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mainspring.cli.ansi import clean_line
from mainspring.cli.exits import FAILED
from mainspring.cli.session import Session
from mainspring.core.duration import describe
from mainspring.core.errors import ConfigurationError
from mainspring.i18n import t

if TYPE_CHECKING:
    from mainspring.advisor.against import Group, Origin
    from mainspring.operations.against import Looked

FILE = "mainspring.json"


def check_against(session: Session, url: str) -> int:
    """Hold what waits in a store against the manifest of this checkout, or of the app where one is named; say what would break."""
    from mainspring.app import Mainspring
    from mainspring.operations.against import look

    manifest = _manifest(session)
    _refuse_a_file_that_is_not_there(url)
    looked = asyncio.run(look(Mainspring(url), manifest, session.caller))
    if session.is_json:
        from mainspring.cli.present import print_json

        print_json(_object(looked))
    else:
        for line in _lines(looked):
            click.echo(line)
    return 0 if looked.is_safe else FAILED


def _manifest(session: Session) -> Mapping[str, Any]:
    from mainspring.operations.against import manifest_of

    file = Path(FILE)
    if session.flags.app is not None or session.flags.discover or not file.is_file():
        return manifest_of(session.answer("tasks.manifest").manifest)
    try:
        return manifest_of(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{FILE} cannot be read: {error}") from None


def _refuse_a_file_that_is_not_there(url: str) -> None:
    """Opening an SQLite store makes its file; a gate must not."""
    if url.startswith("sqlite:///") and not (path := Path(url.removeprefix("sqlite:///").partition("?")[0])).is_file():
        raise ConfigurationError(f"--against: there is no database {str(path)!r}")


def _object(looked: Looked) -> dict[str, Any]:
    found = looked.comparison
    return {
        "is_safe": looked.is_safe,
        "schema": {"database": looked.applied, "code": looked.known, "state": looked.schema},
        "looked": _counts(found.looked),
        "broken": _counts(found.broken),
        "upgraded": found.upgraded,
        "elsewhere": found.elsewhere,
        "groups": [
            {
                "task": each.task, "of": str(each.origin), "cause": str(each.cause), "param": each.where or None, "said": each.what or None,
                "n": each.n, "examples": each.examples, "nearest": each.nearest or None,
            }
            for each in found.groups
        ],
        "slow": [
            {
                "rule": "MS502", "task": each.task, "schedule": each.expression, "period_ms": _milliseconds(each.period),
                "p95_ms": _milliseconds(each.p95), "runs": each.n,
            }
            for each in looked.slow
        ],
    }  # fmt: skip


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)


def _counts(found: Mapping[Origin, int]) -> dict[str, int]:
    return {f"{origin}s": n for origin, n in found.items()}


def _lines(looked: Looked) -> Iterator[str]:
    found = looked.comparison
    if looked.schema != "fits":
        yield t(f"check.against.{looked.schema}", database=looked.applied, code=looked.known)
    task = None
    for group in found.groups:
        if group.task != task:
            task = group.task
            yield click.style(clean_line(task), bold=True) if _is_colour() else clean_line(task)
        yield "  " + clean_line(_words(group))
        yield "    " + clean_line(", ".join(group.examples) + (", …" if group.n > len(group.examples) else ""))
    if found.is_cut:
        yield t("check.against.cut")
    runs, schedules = _counts(found.looked).values()
    if found.groups:
        n, m = _counts(found.broken).values()
        yield t("check.against.broken", n=n, m=m, runs=runs, schedules=schedules)
    elif looked.schema == "fits":
        yield t("check.against.safe", runs=runs, schedules=schedules)
    for slow in looked.slow:
        told = t(
            "check.against.slow", task=slow.task, n=slow.n, p95=describe(slow.p95), period=describe(slow.period), schedule=slow.expression
        )
        yield "MS502 " + clean_line(told)
    if found.upgraded:
        yield t("check.against.upgraded", n=found.upgraded)
    if found.elsewhere:
        yield t("check.against.elsewhere", n=found.elsewhere)


def _words(group: Group) -> str:
    rows = t(f"check.against.{group.origin}", n=group.n)
    said = t(f"check.against.cause.{group.cause}", param=group.where, said=group.what)
    hint = " " + t("check.against.nearest", task=group.nearest) if group.nearest else ""
    return f"{rows}: {said}{hint}"


def _is_colour() -> bool:
    import os
    import sys

    return sys.stdout.isatty() and "NO_COLOR" not in os.environ
