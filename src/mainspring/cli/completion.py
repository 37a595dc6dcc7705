"""``completion``: shell completion for bash, zsh, fish and PowerShell; of commands, options, tasks, their parameters, runs, queues, errors.

A Tab must be answered at once, so nothing heavy is imported for it: the tree of commands and the tasks of an app are remembered in a file
of the user's cache, which is made anew when the code has changed. The scripts for bash, zsh and fish are click's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete

from mainspring.cli.flags import Flags
from mainspring.cli.groups import LazyGroup
from mainspring.cli.session import Session, command
from mainspring.core.version import VERSION
from mainspring.i18n import t

VARIABLE = "_MAINSPRING_COMPLETE"
FRESH = 600.0  # seconds for which the tasks of an app are remembered while none of their files changes: a new file is found then
_KINDS = {
    "id": "run",
    "task": "task",
    "queue": "queue",
    "queues": "queue",
    "fingerprint": "error",
    "error": "error",
    "values": "params",
    "schedule": "schedule",
}
_NAMES = {"tasks": "task", "run": "task", "enqueue": "task", "queues": "queue", "schedules": "schedule"}
_STORED = {"run": "runs", "queue": "queues", "error": "errors", "schedule": "schedules"}

_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | ForEach-Object { $_.Extent.Text })
    if ($wordToComplete -eq '') { $words += '' }
    $env:COMP_WORDS = ConvertTo-Json -Compress -InputObject @($words)
    $env:%(complete_var)s = 'powershell_complete'
    try {
        & $words[0] | ForEach-Object {
            $value, $about = $_ -split "`t", 2
            if (-not $about) { $about = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $about)
        }
    } finally {
        Remove-Item Env:COMP_WORDS, Env:%(complete_var)s
    }
}
"""


class PowerShellComplete(ShellComplete):
    """PowerShell's way: words travel as JSON, so that quotes need no rules of ours."""

    name = "powershell"
    source_template = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is typed, and that one."""
        words = json.loads(os.environ["COMP_WORDS"])
        return words[1:-1], words[-1]

    def format_completion(self, item: CompletionItem) -> str:
        """Return a line for the script."""
        return f"{item.value}\t{item.help}" if item.help else str(item.value)


SHELLS: Mapping[str, type[ShellComplete]] = {
    "bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete, "powershell": PowerShellComplete,
}  # fmt: skip


@command(name="completion", help=t("cli.command.completion"))
@click.argument("shell", type=click.Choice(list(SHELLS)))
def completion(session: Session, shell: str) -> int:
    """Print the script that a shell is to source."""
    helper = SHELLS[shell](click.get_current_context().find_root().command, {}, "mainspring", VARIABLE)
    click.echo(helper.source_template % helper.source_vars())
    return 0


def answer(root: click.Command, instruction: str) -> int:
    """Answer a shell that asks what may follow; it never hears of an error."""
    shell = SHELLS.get(instruction.partition("_")[0])
    if shell is None:
        return 1
    helper = shell(root, {}, "mainspring", VARIABLE)
    with contextlib.suppress(Exception):  # a broken app is told of by the next command, not by a Tab
        words, typed = helper.get_completion_args()
        for item in complete(root, words, typed):
            sys.stdout.write(helper.format_completion(item) + "\n")
    return 0


# -- what may follow


@dataclass(slots=True)
class _Place:
    """Where the words have led to: a command, and what was given on the way."""

    node: Mapping[str, Any]
    path: list[str] = field(default_factory=list)
    given: dict[str, list[str]] = field(default_factory=dict)
    positional: list[str] = field(default_factory=list)
    wants: Mapping[str, Any] | None = None  # the option that the next word is the value of


def complete(root: click.Command, words: Sequence[str], typed: str) -> Iterator[CompletionItem]:
    """Yield what may stand in place of the word that is typed, after these words."""
    place = _walk(_Place(command_tree(root)), list(words))
    node = place.node
    if place.wants is not None:
        yield from _values(place, place.wants, typed)
    elif (task := _task_of(place)) is not None:
        yield from _parameters(place, task, typed)
    elif typed.startswith("-"):
        for option in node["options"]:
            yield from (CompletionItem(name, help=option["help"]) for name in option["names"] if name.startswith(typed))
    elif node["commands"]:
        yield from (CompletionItem(name, help=each["help"]) for name, each in node["commands"].items() if name.startswith(typed))
    elif node["arguments"]:
        yield from _values(place, node["arguments"][min(len(place.positional), len(node["arguments"]) - 1)], typed)


def _walk(place: _Place, words: list[str]) -> _Place:
    while words:
        word = words.pop(0)
        if word.startswith("-") and (meant := place.node["default"]) is not None:
            place.node = place.node["commands"][meant]  # as the group reads it: an option where a command may stand is the meant one's
            place.path.append(meant)
        name, has_value, value = word.partition("=")
        option = next((each for each in place.node["options"] if name in each["names"]), None)
        if _task_of(place) is not None:
            place.positional.append(word)
        elif option is not None:
            if option["is_flag"]:
                continue
            if not has_value and not words:
                place.wants = option
            else:
                place.given.setdefault(option["field"], []).append(value if has_value else words.pop(0))
        elif word in place.node["commands"]:
            place.node = place.node["commands"][word]
            place.path.append(word)
        elif not word.startswith("-"):
            place.positional.append(word)
    return place


def _task_of(place: _Place) -> str | None:
    """Return the task whose parameters the words are now: behind its name everything belongs to it."""
    takes_parameters = any(each["kind"] == "params" for each in place.node["arguments"])
    return place.positional[0] if takes_parameters and place.positional else None


def _values(place: _Place, slot: Mapping[str, Any], typed: str) -> Iterator[CompletionItem]:
    kind = slot["kind"]
    if slot["choices"]:
        yield from (CompletionItem(each) for each in slot["choices"] if each.startswith(typed))
    elif kind == "task":
        tasks = app_words(place.given)["tasks"]
        yield from (CompletionItem(name, help=each["title"]) for name, each in tasks.items() if name.startswith(typed))
    elif kind in _STORED:
        from mainspring.operations.glance import glance

        head, comma, last = typed.rpartition(",")  # some options take several, separated by commas
        for name, about in glance(_url(place.given), _STORED[kind]):  # type: ignore[arg-type]
            if name.startswith(last):
                yield CompletionItem(head + comma + name, help=about or None)
            elif kind == "run" and last and name[-8:].startswith(last):
                yield CompletionItem(name[-8:], help=about)


def _parameters(place: _Place, task: str, typed: str) -> Iterator[CompletionItem]:
    found = app_words(place.given)["tasks"].get(task)
    if found is None:
        return
    options: dict[str, Any] = found["options"]
    before = place.positional[-1] if len(place.positional) > 1 else ""
    name, has_value, value = typed.partition("=")
    if has_value and name in options:
        yield from (CompletionItem(f"{name}={each}") for each in options[name]["choices"] if each.startswith(value))
    elif before in options and options[before]["takes_value"] and not typed.startswith("--"):
        yield from (CompletionItem(each) for each in options[before]["choices"] if each.startswith(typed))
    else:
        used = {word.partition("=")[0] for word in place.positional[1:]}
        for option, each in options.items():
            if option.startswith(typed) and (each["is_list"] or option not in used):
                yield CompletionItem(option, help=each["help"] or None)


def _url(given: Mapping[str, Sequence[str]]) -> str:
    if given.get("url"):
        return given["url"][-1]
    return str(app_words(given)["url"])


# -- what is remembered


def command_tree(root: click.Command) -> Mapping[str, Any]:
    """Return every command with its options and arguments; remembered until the code of the command line changes."""
    here = Path(__file__).parent
    mark = [VERSION, *(_mark(each) for folder in (here, here.parent / "operations") for each in sorted(folder.glob("*.py")))]
    tree: Mapping[str, Any] = _remembered("commands", mark, lambda: _draw_tree(root))
    return tree


def _draw_tree(root: click.Command) -> dict[str, Any]:
    def draw(made: click.Command, path: tuple[str, ...]) -> dict[str, Any]:
        context = click.Context(made)
        options, arguments = [], []
        for each in made.get_params(context):
            name = (each.name or "").rstrip("_")
            is_new = path[-1:] == ("create",)  # a name that nobody has yet
            kind = (None if is_new else _NAMES.get(path[0])) if name == "name" and path else _KINDS.get(name)
            choices = list(each.type.choices) if isinstance(each.type, click.Choice) else []
            slot = {"field": name, "kind": kind, "choices": choices}
            if isinstance(each, click.Option):
                is_flag = bool(each.is_flag or each.count)
                names = [*each.opts, *each.secondary_opts]
                options.append({**slot, "names": names, "help": (each.help or "").split("\n")[0], "is_flag": is_flag})
            else:
                arguments.append(slot)
        commands = {}
        default = made.default if isinstance(made, LazyGroup) else None
        if isinstance(made, click.Group):
            for name in made.list_commands(context):
                if (child := made.get_command(context, name)) is not None and not child.hidden:
                    commands[name] = draw(child, (*path, name))
        about = made.get_short_help_str(100)
        return {"help": about, "options": options, "arguments": arguments, "commands": commands, "default": default}

    return draw(root, ())


def app_words(given: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
    """Return the tasks of the app with their parameters, and the URL of its store; remembered until a file of theirs changes."""
    app = given["app"][-1] if given.get("app") else None
    discover = tuple(given.get("discover", ()))
    told = [os.getcwd(), app, discover, *(os.environ.get(name) for name in ("MAINSPRING_APP", "MAINSPRING_URL", "MAINSPRING_MANIFEST"))]
    name = "app-" + hashlib.blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()

    def ask() -> dict[str, Any]:
        return _ask_app(Flags(app=app, discover=discover))

    held: Mapping[str, Any] = _remembered(name, [VERSION], ask)
    if time.time() - held["at"] > FRESH or any(_mark(Path(file)) != mark for file, mark in held["files"].items()):
        held = _remembered(name, [VERSION], ask, anew=True)
    return held


def _ask_app(flags: Flags) -> dict[str, Any]:
    from mainspring.cli.locate import locate
    from mainspring.cli.parameters import parameters_of, text_of

    with contextlib.redirect_stdout(sys.stderr):  # what the user's modules print on their way in
        app = locate(flags)
        tasks = {}
        files = {str(Path.cwd() / name) for name in ("mainspring.toml", "pyproject.toml")}
        for task in sorted(app.registry, key=lambda each: each.name):
            files.add(task.spec.source.file)
            options = {}
            for each in parameters_of(task.params.schema()):
                slot = {"help": each.description, "choices": [text_of(choice) for choice in (each.item or each).choices]}
                options[each.option] = {**slot, "takes_value": each.kind != "bool", "is_list": each.kind == "list"}
                if each.kind == "bool":
                    options[f"--no-{each.option[2:]}"] = {**slot, "takes_value": False, "is_list": False}
            tasks[task.name] = {"title": task.spec.title, "options": options}
    return {"tasks": tasks, "url": app.settings.url, "at": time.time(), "files": {file: _mark(Path(file)) for file in sorted(files)}}


def _remembered(name: str, mark: object, make: Any, *, anew: bool = False) -> Any:
    """Return what is remembered under a name if it carries this mark, else make it and remember it."""
    folder = _folder()
    file = folder / f"{name}.json"
    text = json.dumps(mark)
    if not anew:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            held = json.loads(file.read_text("utf-8"))
            if held["mark"] == text:
                return held["value"]
    value = make()
    with contextlib.suppress(OSError):  # without a place to write it is only slower
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{os.getpid()}")
        part.write_text(json.dumps({"mark": text, "value": value}), "utf-8")
        part.replace(file)
    return value


def _folder() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "mainspring"


def _mark(file: Path) -> str:
    try:
        found = file.stat()
    except OSError:
        return ""
    return f"{found.st_mtime_ns}:{found.st_size}"
