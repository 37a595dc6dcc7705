"""``mainspring check``: find home-made background work in Python code that is read, never imported.

Nothing of the engine is loaded here, nor anything that needs long to load: the first rule is asked after a tenth of a second.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mainspring.advisor.record import record
from mainspring.cli.exits import FAILED
from mainspring.cli.session import Session, command
from mainspring.core.errors import ConfigurationError
from mainspring.i18n import t

if TYPE_CHECKING:
    from mainspring.advisor.finding import Finding
    from mainspring.advisor.report import Report
    from mainspring.advisor.scan import Scanned
    from mainspring.advisor.settings import Settings
    from mainspring.advisor.verdict import Terms

_FORMS = ("text", "json", "jsonl", "sarif", "github", "gitlab", "junit", "markdown")
FIX_ROUNDS = 8  # edits that touch each other are made in as many
_PATIENCE = 1.0  # seconds before a terminal is told how far we are


@command(name="check", help=t("cli.command.check"))
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path())
@click.option("-f", "--format", "form", type=click.Choice(_FORMS), default=None, help=t("cli.check.format"))
@click.option("-o", "--output", metavar="FILE", help=t("cli.option.output"))
@click.option("--select", metavar="CODES", multiple=True, help=t("cli.check.select"))
@click.option("--ignore", metavar="CODES", multiple=True, help=t("cli.check.ignore"))
@click.option("--fail-on", type=click.Choice(["error", "warning", "notice"]), default=None, help=t("cli.check.fail-on"))
@click.option("--strict", "is_strict", is_flag=True, help=t("cli.check.strict"))
@click.option("--diff", "base", metavar="BASE", help=t("cli.check.diff"))
@click.option("--ratchet", metavar="FILE", help=t("cli.check.ratchet"))
@click.option("--update-ratchet", "is_update", is_flag=True, help=t("cli.check.update-ratchet"))
@click.option("--fix", "is_fix", is_flag=True, help=t("cli.check.fix"))
@click.option("--dry-run", "is_dry", is_flag=True, help=t("cli.check.dry-run"))
@click.option("--explain", metavar="CODE", help=t("cli.check.explain"))
@click.option("--justifications", "is_list", is_flag=True, help=t("cli.check.justifications"))
@click.option("--max-justifications", metavar="N", type=click.IntRange(0), help=t("cli.check.max-justifications"))
@click.option("--include-tests", is_flag=True, help=t("cli.check.include-tests"))
@click.option("--celery", "is_celery", is_flag=True, help=t("cli.check.celery"))
@click.option("--sarif-suppressed", "with_suppressed", is_flag=True, help=t("cli.check.sarif-suppressed"))
@click.option("--stdin-filename", metavar="FILE", help=t("cli.check.stdin-filename"))
@click.option("--no-cache", is_flag=True, help=t("cli.check.no-cache"))
@click.option("-j", "--jobs", metavar="N", type=click.IntRange(1), help=t("cli.check.jobs"))
@click.option("--against", metavar="URL", help=t("cli.check.against"))
def check(session: Session, **given: Any) -> int:
    """Scan, judge, tell."""
    if (code := given["explain"]) is not None:
        return _explain(code)
    if (url := given["against"]) is not None:
        from mainspring.cli.against import check_against

        return check_against(session, url)
    return _Check(session, _Options(**{name: value for name, value in given.items() if name not in ("explain", "against")})).run()


@record(frozen=True, slots=True)
class _Options:
    """What stood on the command line."""

    paths: tuple[str, ...]
    form: str | None
    output: str | None
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    fail_on: str | None
    is_strict: bool
    base: str | None
    ratchet: str | None
    is_update: bool
    is_fix: bool
    is_dry: bool
    is_list: bool
    max_justifications: int | None
    include_tests: bool
    is_celery: bool
    with_suppressed: bool
    stdin_filename: str | None
    no_cache: bool
    jobs: int | None


class _Check:
    """One call of the command."""

    def __init__(self, session: Session, options: _Options) -> None:
        from mainspring.advisor.settings import find_root

        self._options = options
        self._form = options.form or ("json" if session.is_json else "text")
        given = (options.stdin_filename,) if options.stdin_filename is not None else options.paths or (".",)
        self._paths = [Path(os.path.abspath(each)) for each in given]
        self._began = time.perf_counter()
        self._refuse(session)
        self._root = find_root(self._paths[0])
        self._settings = self._read_settings()
        self._instead = self._read_stdin()

    def run(self) -> int:
        """Find, mend where that is wanted, and tell."""
        from mainspring.advisor import verdict

        terms = self._terms()
        scanned = self._scan()
        report = verdict.judge(scanned, self._settings, terms)
        fixed = 0
        if self._options.is_fix and self._options.is_dry:
            return self._preview(report, scanned)
        if self._options.is_fix:
            fixed, scanned, report = self._fix(report, scanned, terms)
        if self._options.is_update:
            return self._update(report, scanned, terms)
        self._tell(replace(report, seconds=time.perf_counter() - self._began, fixed=fixed))
        if self._options.is_list and self._form == "text":
            return FAILED if report.has_too_many_justifications else 0
        return report.exit_code

    def _refuse(self, session: Session) -> None:
        """Raise what is wrong with the options, before anything is read or written."""
        options = self._options
        if session.is_json and options.form not in (None, "json"):
            raise ConfigurationError(f"--json and --format {options.form} say different things: keep one of them")
        for wrong, what in (
            (options.is_update and options.ratchet is None, "--update-ratchet needs --ratchet FILE, the file to write"),
            (options.is_update and options.base is not None, "--update-ratchet with --diff would forget all else: leave one of them out"),
            (options.is_dry and not options.is_fix, "--dry-run shows what --fix would write: add --fix"),
            (
                options.is_fix and options.stdin_filename is not None,
                "--fix writes files and --stdin-filename reads none: keep one",
            ),
            (options.stdin_filename is not None and bool(options.paths), "--stdin-filename names the one file: leave the paths out"),
            (options.with_suppressed and self._form != "sarif", "--sarif-suppressed says something of --format sarif only"),
        ):
            if wrong:
                raise ConfigurationError(what)
        if options.stdin_filename is None:
            for path in self._paths:
                if not os.path.lexists(path):
                    raise ConfigurationError(f"{path} is not there: name files or folders of Python code")
        if options.output is not None and not Path(options.output).absolute().parent.is_dir():
            raise ConfigurationError(f"--output {options.output}: there is no folder {Path(options.output).absolute().parent}")

    def _read_settings(self) -> Settings:
        from mainspring.advisor.finding import Severity
        from mainspring.advisor.settings import parse_codes, read_settings

        options = self._options
        settings = read_settings(self._root)
        return replace(
            settings,
            select=parse_codes(options.select, "--select") or settings.select,
            ignore=(*settings.ignore, *parse_codes(options.ignore, "--ignore")),
            fail_on=settings.fail_on if options.fail_on is None else Severity(options.fail_on),
            include_tests=settings.include_tests or options.include_tests,
            max_justifications=settings.max_justifications if options.max_justifications is None else options.max_justifications,
            is_celery=settings.is_celery or options.is_celery,
        )

    def _read_stdin(self) -> dict[str, bytes]:
        if self._options.stdin_filename is None:
            return {}
        return {str(self._paths[0]): sys.stdin.buffer.read()}

    def _terms(self) -> Terms:
        from datetime import UTC, datetime

        from mainspring.advisor import ratchet
        from mainspring.advisor.verdict import Terms

        options = self._options
        if options.base is not None:
            from mainspring.advisor import diff

            top = self._paths[0]
            diff.check_base(top if top.is_dir() else top.parent, options.base)
        entries: tuple[ratchet.Entry, ...] | None = None
        if options.ratchet is not None and not (options.is_update and not Path(options.ratchet).exists()):
            entries = ratchet.read(Path(options.ratchet))
        return Terms(
            datetime.now(UTC).date(), str(self._root), options.is_strict, options.base, entries, options.with_suppressed, self._instead
        )

    def _scan(self) -> Scanned:
        from mainspring.advisor.scan import Scan

        jobs = self._options.jobs or min(_cpus(), 8)
        scan = Scan(
            self._root, self._settings, jobs=jobs, is_cached=not self._options.no_cache, is_strict=self._options.is_strict,
            instead=self._instead, on_read=_progress(self._began),
        )  # fmt: skip
        try:
            return scan.run(self._paths)
        finally:
            _progress_over()

    def _fix(self, report: Report, scanned: Scanned, terms: Terms) -> tuple[int, Scanned, Report]:
        """Make edits and look again, until there are none left that can be made."""
        from mainspring.advisor import fixes, verdict

        n = 0
        for _ in range(FIX_ROUNDS):
            planned = fixes.plan(_open(report), scanned.on_disk, self._root)
            made = fixes.write(planned)
            if not made:
                break
            n += made
            scanned = self._scan()
            report = verdict.judge(scanned, self._settings, terms)
        if not n and report.open:
            click.echo(t("check.fix.none"), err=True)
        return n, scanned, report

    def _preview(self, report: Report, scanned: Scanned) -> int:
        from mainspring.advisor import fixes

        planned = fixes.plan(_open(report), scanned.on_disk, self._root)
        self._write("".join(each.diff() for each in planned))
        if not planned and report.open:
            click.echo(t("check.fix.none"), err=True)
        return FAILED if planned else 0

    def _update(self, report: Report, scanned: Scanned, terms: Terms) -> int:
        from mainspring.advisor import ratchet

        file = Path(self._options.ratchet or "")
        old = terms.ratchet or ()
        kept = [
            each
            for each in old
            if each.code not in report.codes or (each.path not in scanned.on_disk and (self._root / each.path).exists())
        ]
        n = ratchet.update(file, report.judged, old, terms.today, kept)
        click.echo(t("check.ratchet.written", file=file, n=n), err=True)
        return 0

    def _tell(self, report: Report) -> None:
        from mainspring.advisor import output

        shown = _for_reader(report, self._root, self._form)
        if self._form == "text":
            from mainspring.advisor.output import text

            is_terminal = self._options.output is None and sys.stdout.isatty()
            is_colour = is_terminal and not os.environ.get("NO_COLOR")
            if self._options.is_list:
                self._write(text.write_justifications(shown, is_colour=is_colour))
                return
            columns = None
            if is_terminal:
                import shutil

                columns = shutil.get_terminal_size().columns
            self._write(text.write(shown, is_colour=is_colour, columns=columns))
            return
        self._write(output.write(shown, self._form))
        if self._form == "github" and (summary := os.environ.get("GITHUB_STEP_SUMMARY")):
            from mainspring.advisor.output import github

            with open(summary, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(github.summary(shown))

    def _write(self, text: str) -> None:
        if self._options.output is None or self._options.output == "-":
            click.echo(text.encode("utf-8", "backslashreplace"), nl=False)
            return
        from mainspring.cli.whole import written

        with written(self._options.output) as file:
            file.write(text)


def _open(report: Report) -> list[Finding]:
    return [each.finding for each in report.open]


def _for_reader(report: Report, root: Path, form: str) -> Report:
    """Return a report whose paths lead from where the caller stands, as far as that is above; text leads there from anywhere."""
    here = os.path.realpath(os.getcwd())
    top = os.path.realpath(root)
    if here == top:
        return report
    if (top + os.sep).startswith(here.rstrip(os.sep) + os.sep):
        begin = os.path.relpath(top, here).replace(os.sep, "/") + "/"
        return _moved(report, lambda path: path if os.path.isabs(path) else begin + path, here)
    if form != "text":
        return report
    if (here + os.sep).startswith(top.rstrip(os.sep) + os.sep):
        return _moved(report, lambda path: path if os.path.isabs(path) else os.path.relpath(os.path.join(top, path), here), here)
    return _moved(report, lambda path: os.path.join(top, path), here)


def _moved(report: Report, place: Callable[[str], str], root: str) -> Report:
    def moved(finding: Finding) -> Finding:
        evidence = tuple(replace(each, path=place(each.path)) for each in finding.evidence)
        return replace(finding, path=place(finding.path), evidence=evidence)

    judged = tuple(
        replace(
            each,
            finding=moved(each.finding),
            justification=None if each.justification is None else replace(each.justification, path=place(each.justification.path)),
        )
        for each in report.judged
    )
    accepted = tuple(
        replace(
            each,
            justification=replace(each.justification, path=place(each.justification.path)),
            covers=tuple(moved(finding) for finding in each.covers),
        )
        for each in report.accepted
    )
    unscanned = tuple(replace(each, path=place(each.path)) for each in report.unscanned)
    changed = None if report.changed is None else frozenset((place(path), line) for path, line in report.changed)
    return replace(report, judged=judged, accepted=accepted, unscanned=unscanned, changed=changed, root=root.replace(os.sep, "/"))


def _explain(given: str) -> int:
    """Print the page of a rule, called by its code or its name."""
    from importlib.resources import files

    from mainspring.advisor.catalogue import RULES
    from mainspring.advisor.settings import parse_codes

    by_name = {rule.name: code for code, rule in RULES.items()}
    code = by_name.get(given, given.upper())
    if code not in RULES:
        parse_codes([given], "--explain")  # says what was probably meant
        raise ConfigurationError(f"--explain {given}: name one rule, as in --explain MS101")
    page = (files("mainspring.advisor") / "pages" / f"{code}.md").read_text("utf-8")
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(page))
    else:
        click.echo(page, nl=not page.endswith("\n"))
    return 0


def _cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


_told = [0.0]


def _progress(began: float) -> Callable[[int], None] | None:
    """Return what tells a terminal how many files were read, once it has waited a while; None where nobody watches."""
    if not sys.stderr.isatty():
        return None

    def tell(n: int) -> None:
        now = time.perf_counter()
        if now - began > _PATIENCE and now - _told[0] > 0.2:
            _told[0] = now
            click.echo(f"\r{t('check.progress', n=n)}\x1b[K", nl=False, err=True)

    return tell


def _progress_over() -> None:
    if _told[0]:
        _told[0] = 0.0
        click.echo("\r\x1b[K", nl=False, err=True)
