"""``mainspring worker``: a node that claims, until it is told to stop.

The first SIGTERM or SIGINT: nothing more is claimed, bodies may end within the drain budget, are asked to stop, then
forced; what did not end goes back unburnt; exit 0. The second: everything is given back as far as it goes, at once.
SIGUSR1: all stacks to stderr.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from mainspring.cli.exits import INTERRUPTED
from mainspring.cli.session import Session, command
from mainspring.cli.signals import Signals
from mainspring.core.duration import describe, parse_duration
from mainspring.engine.faults import arm_from
from mainspring.i18n import t
from mainspring.telemetry.logs import JsonFormatter

if TYPE_CHECKING:
    from mainspring.engine.runner import Runner

LEAVE_WITHIN = 3.0  # seconds that a second signal leaves for giving leases back
LOOK = 0.2  # seconds between looks whether a burst is over, when nothing wakes it sooner
log = logging.getLogger("mainspring")


@command(name="worker", help=t("cli.command.worker"))
@click.option("-q", "--queues", multiple=True, metavar="NAMES", help=t("cli.option.queues"))
@click.option("-c", "--concurrency", type=click.IntRange(min=1), help=t("cli.option.concurrency"))
@click.option("-n", "--name", help=t("cli.option.name"))
@click.option("--drain", help=t("cli.option.drain"))
@click.option("--burst", is_flag=True, help=t("cli.option.burst"))
@click.option(
    "-l", "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True,
    help=t("cli.option.log-level"),
)  # fmt: skip
def worker(
    session: Session, queues: tuple[str, ...], concurrency: int | None, name: str | None, drain: str | None, burst: bool, log_level: str
) -> int:
    """Work until stopped."""
    from mainspring.cli.locate import with_settings

    _log_to_stderr(log_level, as_json=session.is_json)
    app = with_settings(session.app, max_concurrent=concurrency, drain=None if drain is None else parse_duration(drain, "--drain"))
    for warning in app.warnings:
        log.warning("%s", warning)
    if (armed := arm_from(os.environ)) is not None:
        log.warning("this worker will hurt itself, as MAINSPRING_FAULT=%s asks", armed)
    names = tuple(each.strip() for given in queues for each in given.split(",") if each.strip())
    return asyncio.run(_work(session, names, name, is_burst=burst))


async def _work(session: Session, queues: tuple[str, ...], name: str | None, *, is_burst: bool) -> int:
    app = session.app
    try:
        with Signals() as signals:
            runner = await app.start_worker(queues=queues, name=name)
            _dump_on_request()
            told = t(
                "worker.started",
                name=runner.presence.name,
                store=_store_of(app.settings.url),
                tasks=len(app.registry),
                queues=", ".join(queues) or t("worker.all-queues"),
            )
            _tell(session, "started", told, node=runner.presence.id, name=runner.presence.name)
            first = asyncio.create_task(signals.next())
            drained = asyncio.create_task(_nothing_ready(session, runner, queues) if is_burst else asyncio.Event().wait())
            await asyncio.wait({first, drained}, return_when=asyncio.FIRST_COMPLETED)
            drained.cancel()
            if drained.done() and not drained.cancelled():
                drained.result()
            budget = app.settings.drain
            if first.done():
                words = t("worker.stopping", in_hand=runner.worker.in_hand, drain=describe(budget))
                _tell(session, "stopping", words, in_hand=runner.worker.in_hand)
            else:
                _tell(session, "drained", t("worker.burst"))
            first.cancel()
            if not await _stopped(runner, budget, signals):
                _tell(session, "forced", t("worker.forced"))
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(INTERRUPTED)  # without waiting for bodies: executors end with this process
        _tell(session, "stopped", t("worker.stopped"))
        return 0
    finally:
        await app.close()


async def _stopped(runner: Runner, budget: timedelta, signals: Signals) -> bool:
    """Stop the node; answers False when a second signal came first."""
    stopping = asyncio.create_task(runner.stop(budget.total_seconds()))
    second = asyncio.create_task(signals.next())
    await asyncio.wait({stopping, second}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        second.cancel()
        stopping.result()
        return True
    stopping.cancel()  # the runner's word for "at once": it signs the node off, so that others take its runs over
    await asyncio.wait({stopping}, timeout=LEAVE_WITHIN)
    return False


async def _nothing_ready(session: Session, runner: Runner, queues: tuple[str, ...]) -> None:
    """Return once nothing is ready in our queues and nothing is in hand. What is due later is left to a later burst."""
    while True:
        await runner.worker.drained(LOOK)
        view = await session.ask("queues.list")
        own = [each for each in view.items if (not queues or each.name in queues) and not each.is_paused]
        if not runner.worker.in_hand and not any(each.ready or each.running for each in own):
            return
        await asyncio.sleep(LOOK)


def _tell(session: Session, event: str, words: str, **facts: object) -> None:
    log.info("%s", words)
    if session.is_json:
        from mainspring.cli.present import print_json

        print_json({"event": event, "at": datetime.now(UTC).isoformat(), **facts})
        sys.stdout.flush()


def _store_of(url: str) -> str:
    from mainspring.operations.system import hide

    return hide(url)


def _dump_on_request() -> None:
    """Let SIGUSR1 print what every thread and every asyncio task is doing; the threads also when the loop is stuck."""
    number = getattr(signal, "SIGUSR1", None)
    if number is None:
        return

    def dump_tasks() -> None:
        for task in asyncio.all_tasks():
            task.print_stack(limit=10, file=sys.stderr)

    asyncio.get_running_loop().add_signal_handler(number, dump_tasks)
    faulthandler.register(number, file=sys.__stderr__ or sys.stderr, all_threads=True, chain=True)


def _log_to_stderr(level: str, *, as_json: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
