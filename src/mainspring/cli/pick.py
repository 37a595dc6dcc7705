"""The picker: ``mainspring`` alone on a terminal asks which task, and for each of its parameters until it fits.

Keys mean something only where a task is chosen: ``?2`` tells about the second, ``/word`` searches, ``q`` leaves. What is typed for a
parameter is its value, whatever it is.
"""

from __future__ import annotations

from typing import Any

import click

from mainspring.cli.ansi import clean_line
from mainspring.cli.flags import Flags
from mainspring.cli.parameters import Parameter, parameters_of, parse, read_value, text_of
from mainspring.cli.run import do_and_wait, explain_task
from mainspring.cli.session import Session
from mainspring.i18n import t


def pick(flags: Flags) -> int:
    """Ask for a task and its parameters, then do it."""
    session = Session(flags)
    tasks = [each for each in session.answer("tasks.list").items if each.is_enabled]
    if not tasks:
        click.echo(t("pick.none"))
        return 0
    _list(tasks)
    task = _which(session, tasks)
    if task is None:
        return 0
    for line in task.description.splitlines()[:1]:
        click.echo(clean_line(line))
    return do_and_wait(session, task.name, _Form(session, task).filled(), {"yes": False})


def _list(tasks: list[Any], words: str = "") -> None:
    """Print the tasks in which all words are found, with the numbers that they always have."""
    width = max(len(task.name) for task in tasks)
    found = [
        (number, task)
        for number, task in enumerate(tasks, 1)
        if all(word in " ".join((task.name, task.title, task.description, *task.tags)).lower() for word in words.lower().split())
    ]
    for number, task in found:
        click.echo(clean_line(f"{number:>3}  {task.name.ljust(width)}  {task.title}"))
    if not found:
        click.echo(t("pick.unknown"))


def _which(session: Session, tasks: list[Any]) -> Any:
    """Return the task that is chosen, or None for somebody who leaves."""
    by_word = {str(number): task for number, task in enumerate(tasks, 1)} | {task.name: task for task in tasks}
    while True:
        answer = click.prompt(t("pick.which")).strip()
        if answer in by_word:  # also a task that is called as a key is
            return by_word[answer]
        if answer == "q":
            return None
        if answer.startswith("/"):
            _list(tasks, answer[1:])
            continue
        asked = answer.removeprefix("?").strip()
        found = by_word.get(asked) or _only(asked, by_word)
        if found is None:
            click.echo(t("pick.unknown"))
        elif answer.startswith("?"):
            explain_task(session, found)
        else:
            return found


def _only(beginning: str, by_word: dict[str, Any]) -> Any:
    near = [name for name in by_word if beginning and name.startswith(beginning) and not name.isdigit()]
    return by_word[near[0]] if len(near) == 1 else None


class _Form:
    """The questions about one task, and what was answered: words as they would stand on a command line."""

    def __init__(self, session: Session, task: Any) -> None:
        self._session, self._task = session, task
        self._parameters = parameters_of(task.params)
        self._words: dict[str, list[str]] = {}

    def filled(self) -> list[str]:
        """Ask until everything fits, each parameter for itself and all of them together."""
        to_ask = self._parameters
        while to_ask:
            for parameter in to_ask:
                self._fill(parameter)
            problems = self._problems()
            for field, what in problems:
                click.echo(f"{field}: {clean_line(what)}")
            wrong = {field.partition(".")[0] for field, _ in problems}
            # What is wrong with all of them together names none: then all are asked again.
            to_ask = [each for each in self._parameters if each.name in wrong] or (self._parameters if problems else [])
        return [word for words in self._words.values() for word in words]

    def _fill(self, parameter: Parameter) -> None:
        while True:
            self._words[parameter.name] = _ask(parameter)
            own = [what for field, what in self._problems() if field.partition(".")[0] == parameter.name]
            if not own:
                return
            for what in own:
                click.echo(clean_line(what))

    def _problems(self) -> list[tuple[str, str]]:
        typed = parse(self._parameters, [word for words in self._words.values() for word in words])
        found = [(problem.where, problem.what) for problem in typed.problems]
        said = {field for field, _ in found}
        answer = self._session.answer("tasks.check", name=self._task.name, params=typed.values)
        return found + [(each.field, each.what) for each in answer.problems if each.field not in said]


def _ask(parameter: Parameter) -> list[str]:
    """Return the words that give a parameter the value that was typed; none leaves the default."""
    words = parameter.name.replace("_", " ")
    if parameter.description:
        words += f" ({parameter.description})"
    if parameter.kind == "bool":
        default = parameter.default if isinstance(parameter.default, bool) else None
        answer = click.confirm(words, default=default)
        return [f"{parameter.option}={'true' if answer else 'false'}"]
    told = ", ".join([parameter.type_name, *parameter.limits])
    shown = "" if parameter.is_required else _text(parameter.default)
    first = _value(parameter, f"{words}, {told}", default=None if parameter.is_required else shown)
    if first is None:
        return []
    values = [first]
    if parameter.kind == "list" and not first.lstrip().startswith("["):
        while (another := _value(parameter, t("pick.another"), default="")) is not None:
            values.append(another)
    return [f"{parameter.option}={each}" for each in values]


def _value(parameter: Parameter, words: str, *, default: str | None) -> str | None:
    """Return a text that can be read as a value, or None where the default was taken."""
    while True:
        text = click.prompt(words, default=default, show_default=bool(default), hide_input=parameter.is_secret, type=str)
        if default is not None and text == default:
            return None
        if text == '""' and (parameter.item or parameter).kind == "text":
            return ""  # an empty text has to be said: an empty answer means the default, or is asked again
        try:
            found = read_value(parameter, text)
        except ValueError as error:
            click.echo(clean_line(str(error)))
            continue
        choices = (parameter.item or parameter).choices
        given = found if isinstance(found, list) else [] if found is None and parameter.is_nullable else [found]
        if choices and any(each not in choices for each in given):
            click.echo(t("pick.unknown-choice", choices=", ".join(_text(each) for each in choices)))
            continue
        return str(text)


def _text(value: Any) -> str:
    return "" if value is None else text_of(value)
