"""The live line of a run on stderr: its progress at the bottom of a terminal, its log lines above."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from mainspring.cli.events import fact_words, log_words, progress_words
from mainspring.cli.present import wants_colour
from mainspring.core.event import EventKind

if TYPE_CHECKING:
    from rich.progress import Progress

PLAIN_EVERY = 5.0  # seconds between progress lines where no terminal can redraw one
_SILENT = {EventKind.QUEUED, EventKind.CLAIMED, EventKind.STARTED}
_ENDS = {EventKind.COMPLETED, EventKind.FAILED, EventKind.TIMED_OUT, EventKind.CANCELLED, EventKind.SKIPPED}


class Live:
    """Shows events as they come. Without a terminal, lines only."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._progress: Progress | None = None
        self._bar: Any = None
        self._told_at = time.monotonic()

    def __enter__(self) -> Live:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.fields[title]}"),
                BarColumn(),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=Console(stderr=True, highlight=False, markup=False),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._bar = self._progress.add_task("", title=self._title, total=None)
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Take the line away and give the terminal back."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def event(self, event: Any) -> None:
        """Show what happened."""
        if event.kind is EventKind.PROGRESS:
            self._advance(event.data)
        elif event.kind is EventKind.LOG:
            self.say(log_words(event.data, colours=wants_colour(is_error=True)))
        elif event.kind not in _SILENT and event.kind not in _ENDS:
            self.say(fact_words(event))

    def say(self, line: str) -> None:
        """Print a line above the progress."""
        if self._progress is None:
            click.echo(line, err=True)
            return
        from rich.text import Text

        self._progress.console.print(Text.from_ansi(line), soft_wrap=True)

    def _advance(self, data: Any) -> None:
        words = progress_words(data) or ""
        if self._progress is not None:
            current, total = data.get("current"), data.get("total")
            has_total = isinstance(total, (int, float)) and total > 0
            self._progress.update(
                self._bar,
                completed=current if isinstance(current, (int, float)) else 0,
                total=total if has_total else None,
                description=words.replace("[", "\\["),
            )
        elif time.monotonic() - self._told_at >= PLAIN_EVERY:
            self._told_at = time.monotonic()
            self.say(words)
