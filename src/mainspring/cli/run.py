"""``mainspring run`` and ``mainspring enqueue``: from what was typed to a run, and for ``run`` to its result."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from mainspring.cli.danger import confirmed, warn_of_expense
from mainspring.cli.exits import INTERRUPTED, USAGE, WELL, exit_code_of_run
from mainspring.cli.session import Session, command
from mainspring.cli.uploads import sent
from mainspring.core.errors import InvalidParams, Problem
from mainspring.core.ids import short
from mainspring.i18n import t

F = TypeVar("F", bound=Callable[..., Any])
PAST_GRACE = 10.0  # seconds past the grace that a stopped run may take to be written, before it is left alone
_ENGINE_ONLY = {"allow_interspersed_args": False}  # behind the task's name everything is the task's


def _call_options(function: F) -> F:
    for option in reversed((
        click.option("--yes", is_flag=True, help=t("cli.option.yes")),
        click.option("--key", help=t("cli.option.key")),
        click.option("--dedupe", type=click.Choice(["existing", "reject", "replace", "debounce", "once"]), help=t("cli.option.dedupe")),
        click.option("--window", help=t("cli.option.window")),
        click.option("--priority", type=click.Choice(["critical", "high", "medium", "low", "background"]), help=t("cli.option.priority")),
        click.option("--queue", help=t("cli.option.queue")),
        click.option("--timeout", help=t("cli.option.timeout")),
        click.option("--deadline", help=t("cli.option.deadline")),
        click.option("--retries", type=int, help=t("cli.option.retries")),
        click.option("--label", help=t("cli.option.label")),
        click.option("--reason", help=t("cli.option.reason")),
        click.argument("name", metavar="NAME"),
        click.argument("values", metavar="[VALUES]...", nargs=-1, type=click.UNPROCESSED),
    )):  # fmt: skip
        function = option(function)
    return function


@command(name="run", help=t("cli.command.run"), context_settings=_ENGINE_ONLY)
@_call_options
def run(session: Session, name: str, values: tuple[str, ...], **options: Any) -> int:
    """Do a task now; the exit code is that of its end."""
    return do_and_wait(session, name, values, options)


@command(name="enqueue", help=t("cli.command.enqueue"), context_settings=_ENGINE_ONLY)
@click.option("--delay", help=t("cli.option.delay"))
@click.option("--run-at", help=t("cli.option.run-at"))
@_call_options
def enqueue(session: Session, name: str, values: tuple[str, ...], **options: Any) -> int:
    """Enqueue a task and print the id of its run."""

    async def perform() -> int:
        try:
            made = await _enqueued(session, name, values, options)
            if made is None or isinstance(made, int):
                return made or 0
            if session.is_json:
                from mainspring.cli.present import print_json

                print_json(made)
            else:
                click.echo(made.id)
            if not made.is_new:
                click.echo(t(f"run.how.{made.how}", id=made.id), err=True)
            return 0
        finally:
            await session.app.close()

    _ = session.app
    return asyncio.run(perform())


def do_and_wait(session: Session, name: str, values: Sequence[str], options: dict[str, Any]) -> int:
    """Enqueue a task, see it through and print its result."""

    async def perform() -> int:
        try:
            made = await _enqueued(session, name, values, options)
            return made or 0 if made is None or isinstance(made, int) else await _seen_through(session, made)
        finally:
            await session.app.close()

    _ = session.app
    return asyncio.run(perform())


async def _enqueued(session: Session, name: str, values: Sequence[str], options: dict[str, Any]) -> Any:
    """Return the view of an enqueued run, or an exit code where nothing was enqueued."""
    task = await session.ask("tasks.show", name=name)
    words = list(values)
    if "--help" in (words[: words.index("--")] if "--" in words else words):
        return explain_task(session, task)
    params = await checked_params(session, task, values)
    is_yes = options.pop("yes") or False
    given = {key: value for key, value in options.items() if value is not None}
    await warn_of_expense(session, task)

    async def ask(is_confirmed: bool) -> Any:
        is_refused = task.danger is not None and not is_confirmed  # then nothing is sent either
        held = params if is_refused else await sent(session.app, params)
        return await session.ask("runs.enqueue", task=task.name, params=held, is_confirmed=is_confirmed, **given)

    made = await confirmed(session, task, ask, is_yes=is_yes)
    return USAGE if made is None else made


def explain_task(session: Session, task: Any) -> int:
    """Print what a task is and takes."""
    if session.is_json:
        from mainspring.cli.present import print_json

        print_json(task)
        return 0
    from mainspring.cli.nouns import print_parameters

    click.echo(t("task.usage", name=task.name))
    click.echo(f"\n  {task.title}")
    for line in task.description.splitlines():
        click.echo(f"  {line}".rstrip())
    if task.danger is not None:
        click.echo("\n" + t("task.danger", danger=task.danger))
    if not task.is_enabled:
        click.echo("\n" + t("task.disabled"))
    click.echo()
    print_parameters(task)
    return 0


async def checked_params(session: Session, task: Any, values: Sequence[str]) -> dict[str, Any]:
    """Return what was typed as parameters of a task; raises `InvalidParams` with everything that is wrong, at once."""
    from mainspring.cli.parameters import parameters_of, parse

    typed = parse(parameters_of(task.params), values)
    said = {problem.where for problem in typed.problems}
    answer = await session.ask("tasks.check", name=task.name, params=typed.values)
    found = [Problem(each.field, each.what, each.value) for each in answer.problems if each.field not in said]
    if typed.problems or found:
        raise InvalidParams(t("param.wrong", task=task.name), [*typed.problems, *found])
    return typed.values


# -- waiting -----------------------------------------------------------------------------------------------------------


async def _seen_through(session: Session, made: Any) -> int:
    from mainspring.cli.live import Live
    from mainspring.cli.signals import Signals

    app, run_id = session.app, made.id
    with Live(made.task) as live:
        if not made.is_new:
            live.say(t(f"run.how.{made.how}", id=run_id))

        async def tell() -> None:
            async for event in app.follow(run_id):
                live.event(event)

        telling = asyncio.create_task(tell())
        carrying = asyncio.create_task(app.see_through(run_id))
        try:
            with Signals() as signals:
                if not await _waited(session, live, signals, carrying, run_id):
                    return _leave(live, run_id)
            await telling
        finally:
            for task in (telling, carrying):
                task.cancel()
            await asyncio.gather(telling, carrying, return_exceptions=True)
    view = await session.ask("runs.show", id=run_id)
    _print_end(session, view)
    return exit_code_of_run(view.state)


async def _waited(session: Session, live: Any, signals: Any, carrying: asyncio.Task[Any], run_id: str) -> bool:
    """Wait for the run; the first signal asks it to stop, the second answers False."""
    first = asyncio.create_task(signals.next())
    await asyncio.wait({carrying, first}, return_when=asyncio.FIRST_COMPLETED)
    if carrying.done():
        first.cancel()
        carrying.result()
        return True
    await session.ask("runs.cancel", id=run_id, reason=f"{first.result()} on the terminal")
    live.say(t("run.asked-to-stop"))
    second = asyncio.create_task(signals.next())
    grace = session.app.settings.grace.total_seconds() + PAST_GRACE
    await asyncio.wait({carrying, second}, return_when=asyncio.FIRST_COMPLETED, timeout=grace)
    second.cancel()
    return carrying.done()


def _leave(live: Any, run_id: str) -> int:
    """End this process at once: the body goes with it, and whoever rescues the run finds that it was asked to stop."""
    live.say(t("run.left", id=run_id))
    live.close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _print_end(session: Session, view: Any) -> None:
    from mainspring.cli.ansi import clean
    from mainspring.cli.present import lasted, pretty, print_json, wants_colour

    if session.is_json:
        print_json(view)
    elif view.result is not None:
        click.echo(clean(pretty(view.result)))
    error = view.error or {}
    why = f"{error.get('type')}: {error.get('message')}" if error else view.reason
    is_well = view.state in WELL
    words = t(
        f"run.{view.state}",
        task=view.task,
        took=lasted(view.created_at, view.finished_at),
        why=f": {why}" if why else "",
    )
    words = clean(words)
    colour = "green" if is_well else "red"
    click.echo(click.style(words, fg=colour) if wants_colour(is_error=True) else words, err=True)
    if not is_well:
        click.echo(t("run.retry-hint", short=short(view.id)), err=True)
