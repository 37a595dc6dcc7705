"""``runs retry``: one run, or all that a filter names, again, with other parameters where they are given."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from mainspring.cli.danger import confirmed
from mainspring.cli.derive import JsonObject, print_view
from mainspring.cli.exits import FAILED, USAGE
from mainspring.cli.session import Session, command
from mainspring.cli.uploads import sent
from mainspring.core.errors import InvalidParams, Problem, UnknownTask
from mainspring.i18n import t

_BAD = click.Choice(["failed", "timeout", "cancelled", "skipped"])


@command(name="retry", help=t("cli.command.runs.retry"))
@click.argument("id_", metavar="[ID]", required=False)
@click.option("-p", "--param", "edits", multiple=True, metavar="NAME=VALUE", help=t("cli.option.edit"))
@click.option("--params", type=JsonObject(), help=t("cli.option.params"))
@click.option("-s", "--state", multiple=True, type=_BAD, help=t("cli.option.final-state"))
@click.option("-t", "--task", metavar="NAME", help=t("cli.option.only-task"))
@click.option("-q", "--queue", metavar="NAME", help=t("cli.option.only-queue"))
@click.option("--label", help=t("cli.option.only-label"))
@click.option("--error", metavar="FINGERPRINT", help=t("cli.option.only-error"))
@click.option("--since", metavar="DURATION", help=t("cli.option.only-since"))
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), help=t("cli.option.limit"))
@click.option("--again", is_flag=True, help=t("cli.option.again"))
@click.option("--dry-run", is_flag=True, help=t("cli.option.dry-run"))
@click.option("--reason", help=t("cli.option.reason"))
@click.option("--yes", "is_yes", is_flag=True, help=t("cli.option.sure"))
def retry(session: Session, id_: str | None, edits: tuple[str, ...], params: dict[str, Any] | None, is_yes: bool, **given: Any) -> int:
    """Retry one run, or many."""
    asked = {name: value for name, value in given.items() if value not in (None, (), False)}
    filters = asked.keys() & {"state", "task", "queue", "label", "error", "since", "limit", "again", "dry_run"}
    if (id_ is None) != bool(filters):
        raise click.UsageError(t("retry.one-or-many"))
    if id_ is None and params is not None:
        raise click.UsageError(t("retry.params-of-one"))
    _ = session.app

    async def perform() -> int:
        try:
            if id_ is None:
                return await _many(session, edits, asked, is_yes=is_yes)
            return await _one(session, id_, edits, params, asked, is_yes=is_yes)
        finally:
            await session.app.close()

    return asyncio.run(perform())


async def _one(
    session: Session, id_: str, edits: tuple[str, ...], params: dict[str, Any] | None, asked: dict[str, Any], *, is_yes: bool
) -> int:
    old = await session.ask("runs.show", id=id_)
    task = await _task(session, old.task)
    edit = _edited(old.task, task, edits)
    fields = {**asked, "id": old.id, "edit": None if edit is None else await sent(session.app, edit), "params": params}
    given = {name: value for name, value in fields.items() if value is not None}

    async def ask(is_confirmed: bool) -> Any:
        return await session.ask("runs.retry", is_confirmed=is_confirmed, **given)

    view = await ask(is_yes) if task is None else await confirmed(session, task, ask, is_yes=is_yes)
    if view is None:
        return USAGE
    if session.is_json:
        print_view(view)
    else:
        click.echo(view.id)
    return 0


async def _many(session: Session, edits: tuple[str, ...], asked: dict[str, Any], *, is_yes: bool) -> int:
    name = asked.get("task")
    edit = _edited(name or "*", None if name is None else await _task(session, name), edits)
    if edit is not None:
        asked["edit"] = await sent(session.app, edit)
    is_dry_run = asked.pop("dry_run", False)
    if is_dry_run or not is_yes:
        found = await session.ask("runs.retrymany", dry_run=True, **asked)
        if is_dry_run or not found.runs:
            _tell(session, found)
            return 0
        from mainspring.cli.upkeep import sure

        if not sure(session, t("retry.sure", runs=len(found.runs)), is_yes=False):
            return USAGE
    view = await session.ask("runs.retrymany", is_confirmed=is_yes, **asked)
    _tell(session, view)
    return FAILED if any(each.problem for each in view.runs) else 0


def _tell(session: Session, view: Any) -> None:
    if session.is_json:
        print_view(view)
        return
    from mainspring.cli.present import print_table

    if view.is_dry_run or not view.runs:
        print_table(["run", "task"], [[each.retry_of, each.task] for each in view.runs], empty=t("retry.none"))
        return
    print_table(["run", "task", "again as", "problem"], [[each.retry_of, each.task, each.id, each.problem] for each in view.runs])
    click.echo(t("retry.done", runs=view.n), err=True)


async def _task(session: Session, name: str) -> Any:
    """Return the definition, or None where this app has none of that name (then the operation says what to do)."""
    try:
        return await session.ask("tasks.show", name=name)
    except UnknownTask:
        return None


def _edited(name: str, task: Any, edits: tuple[str, ...]) -> dict[str, Any] | None:
    """Return what was typed as values of parameters; raises `InvalidParams` with everything that is wrong."""
    if not edits:
        return None
    from mainspring.cli.parameters import parameters_of, read_value

    known = {} if task is None else {each.name: each for each in parameters_of(task.params)}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for edit in edits:
        field, is_given, text = edit.partition("=")
        field = field.removeprefix("--").replace("-", "_")
        if not is_given:
            problems.append(Problem(field, t("param.no-value")))
        elif known and field not in known:
            problems.append(Problem(field, t("param.unknown", names=", ".join(known))))
        else:
            try:
                values[field] = list(found) if isinstance(found := _read(known.get(field), text, read_value), list) else found
            except ValueError as error:
                problems.append(Problem(field, str(error)))
    if problems:
        raise InvalidParams(t("param.wrong", task=name), problems)
    return values


def _read(parameter: Any, text: str, read_value: Any) -> Any:
    if parameter is not None:
        found = read_value(parameter, text)
        return found if parameter.kind != "list" or isinstance(found, list) else [found]
    try:
        return json.loads(text)
    except ValueError:
        return text
