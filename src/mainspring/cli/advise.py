"""``mainspring advise`` and ``mainspring new``: which kind of task fits, with the reason; and its definition with tests that pass."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mainspring.cli.exits import FAILED
from mainspring.cli.session import Session, command
from mainspring.core.errors import ConfigurationError
from mainspring.i18n import t

if TYPE_CHECKING:
    from mainspring.advisor.advise.advice import Advice
    from mainspring.advisor.advise.answers import Answers, Question
    from mainspring.advisor.advise.describe import Description
    from mainspring.advisor.finding import Finding
    from mainspring.advisor.versions import Versions

_FLAGS = (
    "recurring",
    "user-triggered",
    "schedule",
    "housekeeping",
    "network",
    "survive-restart",
    "polled",
    "retried",
    "multi-step",
    "stream",
)
_PLACE = re.compile(r"(?P<code>MS\d{3})@(?P<path>.+):(?P<line>\d+)")
_NAME = "task_name"  # what a definition is called where nobody has said


def _flags(function: Callable[..., Any]) -> Callable[..., Any]:
    for name in reversed(_FLAGS):
        function = click.option(f"--{name}/--no-{name}", default=None, help=t(f"cli.advise.{name}"))(function)
    return function


@command(name="advise", help=t("cli.command.advise"))
@click.argument("text", nargs=-1)
@_flags
@click.option("--duration", metavar="LENGTH", help=t("cli.advise.duration"))
@click.option("--answers", metavar="FILE", help=t("cli.advise.answers"))
@click.option("--finding", metavar="CODE@PATH:LINE", help=t("cli.advise.finding"))
@click.option("--language", type=click.Choice(["en", "de", "pl"]), help=t("cli.advise.language"))
@click.option("--project", metavar="DIR", default=".", show_default=True, help=t("cli.advise.project"))
@click.option("--engine", metavar="VERSION", help=t("cli.advise.engine"))
@click.option("--database", metavar="URL", help=t("cli.advise.database"))
@click.option("--backend", type=click.Choice(["sqlite", "postgres"]), help=t("cli.advise.backend"))
@click.option("--profile", type=click.Choice(["serverless", "single-host", "fleet"]), help=t("cli.advise.profile"))
@click.option("--write-lock", is_flag=True, help=t("cli.advise.write-lock"))
@click.option("--no-input", is_flag=True, help=t("cli.advise.no-input"))
@click.option("--name", metavar="NAME", default=_NAME, show_default=True, help=t("cli.advise.name"))
@click.option("--scaffold", metavar="DIR", help=t("cli.advise.scaffold"))
def advise(session: Session, /, text: tuple[str, ...], no_input: bool, scaffold: str | None, name: str, **given: Any) -> int:
    """Say which kind fits and why; exit 1 where questions are open."""
    from mainspring.advisor.advise.advice import advise as decide

    versions = _versions(given)
    if given["write_lock"]:
        _write_lock(session, versions, Path(given["project"]))
    answers = _answers(given)
    is_asked = not no_input and not session.is_json and sys.stdin.isatty() and sys.stdout.isatty()
    words = _text(text, is_needed=not answers.known and not is_asked)
    description = _described(words, given["language"])
    advice = decide(answers, versions, description=description, name=name)
    if is_asked:
        advice = _asked(advice, versions, description, name)
    files = _scaffolded(advice, name, Path(scaffold)) if scaffold is not None and advice.is_settled else None
    _tell(session, advice, files)
    return 0 if advice.is_settled else FAILED


@command(name="new", help=t("cli.command.new"))
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(["adhoc", "cron", "side", "workflow"]), default="adhoc", show_default=True, help=t("cli.new.kind")
)
@click.option("--dir", "folder", metavar="DIR", default=".", show_default=True, help=t("cli.new.dir"))
def new(session: Session, name: str, kind: str, folder: str) -> None:
    """Write a definition and its tests."""
    from mainspring.advisor.advise.answers import NOTHING
    from mainspring.advisor.advise.checklist import checklist
    from mainspring.advisor.advise.gates import passage
    from mainspring.advisor.advise.scaffold import check_name
    from mainspring.advisor.finding import Kind
    from mainspring.advisor.versions import read_versions

    name, chosen = check_name(name), Kind(kind)
    versions = read_versions(_nearest(Path(folder)))
    missing = passage(chosen, versions).missing
    if missing and chosen is not Kind.WORKFLOW:
        lacking = ", ".join(f"{each.need} (here {each.have})" for each in missing)
        raise ConfigurationError(f"--kind={kind!r} needs {lacking}: 'mainspring advise' names what to take meanwhile")
    files = _write(Path(folder), chosen, name, checklist(chosen, NOTHING, (), name=name))
    if missing and not session.is_json:
        click.echo(t("advise.fallback.workflows"), err=True)
    if session.is_json:
        from mainspring.cli.present import print_json

        print_json({"name": name, "kind": kind, "files": files})
        return
    for path in files:
        click.echo(t("advise.wrote", path=path))


# What is known


def _answers(given: dict[str, Any]) -> Answers:
    """Return the answers of the flags, over those of a finding, over those of a file."""
    from mainspring.advisor.advise.advice import of_finding
    from mainspring.advisor.advise.answers import NOTHING, parse_length, read_answers

    answers = NOTHING
    for flag in _FLAGS:
        question = _question(flag)
        if (value := given[flag.replace("-", "_")]) is not None:
            answers = answers.given(question, value, f"--{'' if value else 'no-'}{flag}")
    if (length := given["duration"]) is not None:
        found, seconds = parse_length(length, "--duration")
        answers = replace(answers.given(_question("duration"), found, f"--duration {length}"), seconds=seconds)
    if given["finding"] is not None:
        finding = _finding(given["finding"])
        if finding.kind is not None:
            answers = answers.over(of_finding(given["finding"], finding.kind))
    if given["answers"] is not None:
        answers = answers.over(read_answers(_mapping(given["answers"])))
    return answers


def _question(flag: str) -> Question:
    from mainspring.advisor.advise.answers import Question

    return Question(flag.replace("-", "_"))


def _mapping(file: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
        held = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"--answers={file!r} cannot be read: {error}") from None
    if not isinstance(held, dict):
        raise ConfigurationError(f'--answers={file!r}: an object is needed, as {{"recurring": false, "duration": "5m"}}')
    return held


def _text(words: tuple[str, ...], *, is_needed: bool) -> str:
    """Return the description: the words of the call, or what is piped in where nothing else is said."""
    given = " ".join(words).strip()
    if given == "-" or (not given and is_needed and not sys.stdin.isatty()):
        from mainspring.advisor.advise.describe import MOST_CHARACTERS

        given = sys.stdin.read(MOST_CHARACTERS + 1).strip()
    return given


def _described(words: str, language: str | None) -> Description | None:
    if not words:
        return None
    from mainspring.advisor.advise.describe import describe

    return describe(words, language)


def _finding(where: str) -> Finding:
    """Return the finding that stands at a place, by a scan of that file; raises `ConfigurationError` where there is none."""
    from mainspring.advisor.scan import Scan
    from mainspring.advisor.settings import find_root, read_settings

    parts = _PLACE.fullmatch(where)
    if parts is None:
        raise ConfigurationError(f"--finding={where!r}: a code, a path and a line are needed, as MS104@shop/views.py:12")
    path, line = Path(parts["path"]).absolute(), int(parts["line"])
    if not path.is_file():
        raise ConfigurationError(f"--finding={where!r}: there is no file {parts['path']}")
    root = find_root(path)
    found = [each for each in Scan(root, read_settings(root), is_cached=False).run([path]).findings if each.place.line == line]
    for each in found:
        if each.code == parts["code"]:
            return each
    there = ", ".join(f"{each.code} [{each.kind}]" for each in found) or "nothing"
    raise ConfigurationError(f"--finding={where!r}: 'mainspring check {parts['path']}' finds {there} in line {line}")


def _versions(given: dict[str, Any]) -> Versions:
    """Return what the project has: as told, then as the database says, then as its files say."""
    from mainspring.advisor.features import Backend, Profile
    from mainspring.advisor.versions import Engine, Versions, backend_of, read_versions

    engine, url = given["engine"], given["database"]
    if engine is not None and not engine[:1].isdigit():
        raise ConfigurationError(f"--engine={engine!r} is no version: write for instance 0.1.0")
    folder = Path(given["project"])
    if not folder.is_dir():
        raise ConfigurationError(f"--project={given['project']!r} is no folder")
    told = Versions(
        engine=None if engine is None else Engine(engine, "--engine"),
        backend=None if given["backend"] is None else Backend(given["backend"]),
        deployment=None if given["profile"] is None else Profile(given["profile"]),
    )
    if url is not None:
        seen = Versions(schema=_schema(url), backend=backend_of(url), sources=(("schema", "--database"), ("backend", "--database")))
        told = told.over(seen)
    return told.over(read_versions(folder))


def _schema(url: str) -> int:
    """Return the schema that a database has, and change nothing in it; a file that is not there is not made."""
    import asyncio

    from mainspring.advisor.features import Backend
    from mainspring.advisor.versions import backend_of
    from mainspring.app import Mainspring
    from mainspring.operations.catalog import CATALOG
    from mainspring.operations.operation import Caller

    backend = backend_of(url)
    if backend is None:
        raise ConfigurationError("--database: a URL is needed, as sqlite:///mainspring.db or postgresql://…")
    file = url.partition("://")[2].partition("?")[0].removeprefix("/")
    if backend is Backend.SQLITE and not (file and Path(file).is_file()):
        raise ConfigurationError(f"--database={url!r}: there is no such file")

    async def look() -> int:
        app = Mainspring(url, auto_migrate=False)
        try:
            operation = CATALOG["system.schema"]
            view: Any = await operation(app, operation.request(), Caller(actor="advise", source="cli"))
            return int(view.applied)
        finally:
            await app.close()

    return asyncio.run(look())


def _write_lock(session: Session, versions: Versions, folder: Path) -> None:
    from mainspring.advisor.versions import LOCK, lock_text

    text = lock_text(versions)
    if not text:
        raise ConfigurationError("--write-lock: nothing is known that could be written; give --engine, --database, --backend or --profile")
    (folder / LOCK).write_text(text, "utf-8")
    if not session.is_json:
        click.echo(t("advise.wrote", path=folder / LOCK), err=True)


# Questions at a terminal


def _asked(advice: Advice, versions: Versions, description: Description | None, name: str) -> Advice:
    """Ask what is open, one question after another, until nothing is or somebody does not know."""
    from mainspring.advisor.advise.advice import advise as decide
    from mainspring.cli.advice import Words

    unknown = set[Any]()
    while rest := [number for number, each in enumerate(advice.questions) if each.question not in unknown]:
        words, question = Words(advice), advice.questions[rest[0]].question
        text, leads = words.question(rest[0])
        click.echo(text)
        for each in leads:
            click.echo(f"  {each}")
        value, seconds = _prompt(question)
        if value is None:
            unknown.add(question)
            continue
        answers = advice.answers.given(question, value, t("advise.answer.said"))
        if seconds is not None:
            answers = replace(answers, seconds=seconds)
        advice = decide(answers, versions, description=description, name=name)
    return advice


def _prompt(question: Question) -> tuple[Any, float | None]:
    """Return an answer that was typed, None for nothing; asks again for what is no answer."""
    from mainspring.advisor.advise.answers import Question as Questions
    from mainspring.advisor.advise.answers import parse_length

    yes, no = ({t("advise.answer.yes", language=tag), short} for tag, short in ((None, "y"), (None, "n")))
    yes, no = yes | {"yes", "ja", "tak", "j", "t", "true", "1"}, no | {"no", "nein", "nie", "false", "0"}
    while True:
        typed = click.prompt(">", default="", show_default=False, prompt_suffix=" ").strip().lower()
        if not typed:
            return None, None
        if question is Questions.DURATION:
            try:
                return parse_length(typed)
            except ConfigurationError as error:
                click.echo(str(error))
                continue
        if typed in yes | no:
            return typed in yes, None
        click.echo(t("advise.ask.unclear"))


# What is told and written


def _tell(session: Session, advice: Advice, files: list[str] | None) -> None:
    from mainspring.cli.advice import as_json, as_text
    from mainspring.cli.ansi import clean
    from mainspring.cli.present import print_json, wants_colour

    if session.is_json:
        print_json(as_json(advice, files))
        return
    click.echo(clean(as_text(advice)) if not wants_colour() else as_text(advice, bold=lambda text: click.style(clean(text), bold=True)))
    if advice.kind is None:
        click.echo(t("advise.say.more"), err=True)
    for path in files or ():
        click.echo(t("advise.wrote", path=path))


def _scaffolded(advice: Advice, name: str, folder: Path) -> list[str]:
    """Write what is advised. Of what the installed version lacks nothing is written but the chain of tasks that stands for steps."""
    from mainspring.advisor.advise.scaffold import check_name
    from mainspring.cli.advice import Words

    assert advice.kind is not None
    sentence = Words(advice, "en").sentence()
    if advice.refused is not None and advice.refused.exists:
        raise ConfigurationError(f"--scaffold={str(folder)!r}: nothing is written for what is not installed. {sentence}")
    return _write(folder, advice.kind, check_name(name), advice.checklist, sentence=sentence)


def _write(folder: Path, kind: Any, name: str, items: Any, *, sentence: str = "") -> list[str]:
    """Write both files of a scaffold, or none: what is there stays, and whoever asks is told."""
    from mainspring.advisor.advise.scaffold import scaffold

    folder = Path(folder)
    files = scaffold(kind, name, items, sentence=sentence, package=_package(folder))
    taken = [each.name for each in files if (folder / each.name).exists()]
    if taken:
        raise ConfigurationError(f"{folder / taken[0]} is there already and is left as it is: choose another NAME or another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for each in files:
        with (folder / each.name).open("x", encoding="utf-8") as file:
            file.write(each.text)
    return [str(folder / each.name) for each in files]


def _nearest(folder: Path) -> Path:
    """Return a folder, or the nearest above it that is there."""
    found = folder.absolute()
    while not found.is_dir():
        found = found.parent
    return found


def _package(folder: Path) -> str:
    """Return the dotted package that a folder is, empty where it is none."""
    parts: list[str] = []
    each = folder.resolve()
    while (each / "__init__.py").is_file():
        parts.insert(0, each.name)
        each = each.parent
    return ".".join(parts)
