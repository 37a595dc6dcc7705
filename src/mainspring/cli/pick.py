"""The picker: ``mainspring`` alone on a terminal asks which task, and for each of its parameters."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from mainspring.cli.flags import Flags
from mainspring.cli.parameters import Parameter, parameters_of, read_value
from mainspring.cli.run import do_and_wait
from mainspring.cli.session import Session
from mainspring.i18n import t


def pick(flags: Flags) -> int:
    """Ask for a task and its parameters, then do it."""
    session = Session(flags)
    tasks = [each for each in asyncio.run(session.ask("tasks.list")).items if each.is_enabled]
    if not tasks:
        click.echo(t("pick.none"))
        return 0
    width = max(len(task.name) for task in tasks)
    for number, task in enumerate(tasks, 1):
        click.echo(f"{number:>3}  {task.name.ljust(width)}  {task.title}")
    task = _which(tasks)
    values: list[str] = []
    for parameter in parameters_of(task.params):
        values += _ask(parameter)
    return do_and_wait(session, task.name, values, {"yes": False})


def _which(tasks: list[Any]) -> Any:
    by_word = {str(number): task for number, task in enumerate(tasks, 1)} | {task.name: task for task in tasks}
    while True:
        answer = click.prompt(t("pick.which")).strip()
        if answer in by_word:
            return by_word[answer]
        click.echo(t("pick.unknown"))


def _ask(parameter: Parameter) -> list[str]:
    """Return the words that give a parameter the value that was typed; none leaves the default."""
    words = parameter.name.replace("_", " ")
    if parameter.description:
        words += f" ({parameter.description})"
    if parameter.kind == "bool":
        default = parameter.default if isinstance(parameter.default, bool) else None
        answer = click.confirm(words, default=default)
        return [f"{parameter.option}={'true' if answer else 'false'}"]
    shown = "" if parameter.is_required else _text(parameter.default)
    while True:
        text = click.prompt(
            f"{words}, {parameter.type_name}",
            default=None if parameter.is_required else shown,
            show_default=not parameter.is_required and shown != "",
            hide_input=parameter.is_secret,
            type=str,
        )
        if not parameter.is_required and text == shown:
            return []
        try:
            found = read_value(parameter, text)
        except ValueError as error:
            click.echo(str(error))
            continue
        if parameter.kind == "choice" and found not in parameter.choices:
            click.echo(t("pick.unknown-choice", choices=", ".join(_text(each) for each in parameter.choices)))
            continue
        return [f"{parameter.option}={text}"]


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
