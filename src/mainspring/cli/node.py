"""Being a node until told to stop: what ``worker``, ``runner``, ``start`` and ``serve`` have in common.

The first SIGTERM or SIGINT, or ``mainspring runner stop`` from anywhere: nothing more is begun, bodies may end within the drain budget, are
asked to stop, then forced; what did not end goes back unburnt; exit 0. The second signal: everything is given back as far as it goes, at
once. SIGUSR1: all stacks to stderr.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import click

from mainspring.cli.exits import INTERRUPTED
from mainspring.cli.notify import Notifier
from mainspring.cli.session import Session
from mainspring.cli.signals import Signals
from mainspring.core.duration import describe, parse_duration
from mainspring.core.role import Role
from mainspring.engine.faults import arm_from
from mainspring.i18n import t
from mainspring.telemetry.address import parse_address
from mainspring.telemetry.logs import JsonFormatter

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

    from mainspring.app import Mainspring
    from mainspring.engine.runner import Runner
    from mainspring.web.hosting import Hosted
    from mainspring.web.server import Server

LEAVE_WITHIN = 3.0  # seconds that a second signal leaves for giving leases back
LISTEN = "127.0.0.1:8080"  # where the console is unless it is told otherwise: for this machine alone
LOOK = 0.2  # seconds between looks whether a burst is over, when nothing wakes it sooner
PARENT_EVERY = 1.0  # seconds between looks whether the parent is still there
INHERITED = "fd:"  # before the descriptor of a socket that a parent listens with
STATUS_EVERY = 5.0  # seconds between lines for `systemctl status`
log = logging.getLogger("mainspring")


@dataclass(frozen=True, slots=True)
class NodePlan:
    """How a node of the command line is to live.

    ``listen`` is the address at which it tells of its health, ``console`` that of the console and the API, which tells of it as well;
    ``fd:7`` is a socket that its parent has opened.
    """

    role: Role
    queues: tuple[str, ...] = ()
    name: str | None = None
    is_burst: bool = False
    listen: str | None = None
    console: str | None = None


def node_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every command takes that becomes a node."""
    for option in reversed((
        click.option("-q", "--queues", multiple=True, metavar="NAMES", help=t("cli.option.queues")),
        click.option("-c", "--concurrency", type=click.IntRange(min=1), help=t("cli.option.concurrency")),
        click.option("-n", "--name", help=t("cli.option.name")),
        click.option("--drain", help=t("cli.option.drain")),
        log_option,
    )):  # fmt: skip
        command = option(command)
    return command


log_option = click.option(
    "-l", "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True,
    help=t("cli.option.log-level"),
)  # fmt: skip
health_option = click.option("--health-port", metavar="ADDRESS", help=t("cli.option.health-port"))


def split_names(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return names that were given one by one or separated by commas."""
    return tuple(each.strip() for text in given for each in text.split(",") if each.strip())


def live(session: Session, plan: NodePlan, *, concurrency: int | None, drain: str | None, log_level: str) -> int:
    """Be a node until told to stop; answers the exit code."""
    from mainspring.cli.locate import with_settings

    log_to_stderr(log_level, as_json=session.is_json)
    listen = plan.listen or session.app.settings.health
    given_drain = None if drain is None else parse_duration(drain, "--drain")
    if listen is not None:
        parse_address(listen, "--health-port")  # a wrong one ends this before anything begins
    if plan.console is not None and not plan.console.startswith(INHERITED):
        parse_address(plan.console, "--listen")
    if listen == plan.console and not str(listen).endswith(":0"):
        listen = None  # the console tells of the node's health as well
    app = with_settings(session.app, max_concurrent=concurrency, drain=given_drain, health=listen)
    for warning in app.warnings:
        log.warning("%s", warning)
    if (armed := arm_from(os.environ)) is not None:
        log.warning("this process will hurt itself, as MAINSPRING_FAULT=%s asks", armed)
    return asyncio.run(_live(session, replace(plan, listen=listen)))


async def _live(session: Session, plan: NodePlan) -> int:
    app, notifier = session.app, Notifier.of_this_process()
    servers: list[Server] = []
    try:
        with Signals() as signals:
            runner = await app.start_runner(role=plan.role, queues=plan.queues, name=plan.name)
            stop_asked = asyncio.Event()
            runner.on_stop = stop_asked.set
            dump_on_request()
            addresses, told_at = [], []
            for server, hosted in _servers(app, plan):
                servers.append(server)
                addresses.append(await server.open())
                key = "serve.address" if hosted is None else "serve.console"
                told_at.append(t(key, address=addresses[-1] if hosted is None else await hosted.announce(addresses[-1])))
            _started(session, runner, plan, addresses[0] if addresses else None)
            for line in told_at:
                log.info("%s", line)
            notifier.ready(_doing(runner))
            telling = [
                asyncio.create_task(notifier.feed(lambda: runner.health().is_alive)),
                asyncio.create_task(_tell_status(notifier, runner)),
            ]
            first = asyncio.create_task(signals.next())
            told = asyncio.create_task(stop_asked.wait())
            drained = asyncio.create_task(_nothing_ready(session, runner, plan.queues) if plan.is_burst else asyncio.Event().wait())
            orphaned = asyncio.create_task(_parent_gone(notifier.parent))
            await asyncio.wait({first, told, drained, orphaned}, return_when=asyncio.FIRST_COMPLETED)
            drained.cancel()
            if drained.done() and not drained.cancelled():
                drained.result()
            budget = app.settings.drain
            if first.done() or told.done() or orphaned.done():
                words = t("worker.stopping", in_hand=runner.worker.in_hand, drain=describe(budget))
                tell(session, "stopping", words, in_hand=runner.worker.in_hand, name=runner.presence.name)
                notifier.stopping(words)
            else:
                tell(session, "drained", t("worker.burst"), name=runner.presence.name)
            for each in (first, told, orphaned):
                each.cancel()
            if plan.console is not None and plan.console.startswith(INHERITED):
                await servers[0].close()  # another node listens with the same socket already
            is_orderly = await _stopped(runner, budget, signals)
            for each in telling:
                each.cancel()
            if not is_orderly:
                tell(session, "forced", t("worker.forced"), name=runner.presence.name)
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(INTERRUPTED)  # without waiting for bodies: executors end with this process
            for server in servers:
                await server.close()
        tell(session, "stopped", t("worker.stopped"), name=runner.presence.name)
        return 0
    finally:
        for server in servers:
            await server.close()
        await app.close()


def _servers(app: Mainspring, plan: NodePlan) -> list[tuple[Server, Hosted | None]]:
    """Return what answers HTTP: the console, where this node has one, and then what only tells of its health."""
    from mainspring.web.server import Server

    found: list[tuple[Server, Hosted | None]] = []
    if plan.console is not None:
        from mainspring.web.hosting import Hosted

        descriptor = int(plan.console.removeprefix(INHERITED)) if plan.console.startswith(INHERITED) else None
        host, port = parse_address(plan.console, "--listen") if descriptor is None else bound_to(descriptor)
        hosted = Hosted(app, f"{f'[{host}]' if ':' in host else host}:{port}")
        found.append((Server(cast("ASGIApplication", hosted.asgi), host, port, inherited=descriptor), hosted))
    if plan.listen is not None:
        from mainspring.web.routes import routes

        found.append((Server(cast("ASGIApplication", routes(app)), *parse_address(plan.listen, "--health-port")), None))
    return found


def bound_to(descriptor: int) -> tuple[str, int]:
    """Return where an open socket listens."""
    listening = socket.socket(fileno=descriptor)
    host, port = listening.getsockname()[:2]
    listening.detach()
    return host, port


def _started(session: Session, runner: Runner, plan: NodePlan, address: str | None) -> None:
    app, name = session.app, runner.presence.name
    store, queues = _store_of(app.settings.url), ", ".join(plan.queues) or t("worker.all-queues")
    if plan.role is Role.SERVE:
        words = t("serve.started", name=name, store=store, tasks=len(app.registry))
    else:
        words = t("worker.started", name=name, store=store, tasks=len(app.registry), queues=queues)
    tell(session, "started", words, node=runner.presence.id, name=name, role=runner.role.value, address=address)


def _doing(runner: Runner) -> str:
    health = runner.health()
    return t("node.status", role=runner.role.value, in_hand=health.in_hand, problems="; ".join(health.problems) or t("node.no-problems"))


async def _parent_gone(parent: str) -> None:
    """Return when the process of ours that started this one has gone without a word: nobody would ever stop this one."""
    if not parent:
        await asyncio.Event().wait()
    while str(os.getppid()) == parent:  # noqa: ASYNC110 - no event comes when a parent goes
        await asyncio.sleep(PARENT_EVERY)


async def _tell_status(notifier: Notifier, runner: Runner) -> None:
    last = None
    while True:
        await asyncio.sleep(STATUS_EVERY)
        if (now := _doing(runner)) != last:
            notifier.status(now)
            last = now


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


def tell(session: Session, event: str, words: str, **facts: object) -> None:
    """Say what happens: to people in the log, to machines as a line of JSON on stdout."""
    log.info("%s", words)
    if session.is_json:
        from mainspring.cli.present import print_json

        print_json({"event": event, "at": datetime.now(UTC).isoformat(), **facts})
        sys.stdout.flush()


def _store_of(url: str) -> str:
    from mainspring.operations.system import hide

    return hide(url)


def dump_on_request() -> None:
    """Let SIGUSR1 print what every thread and every asyncio task is doing; the threads also when the loop is stuck."""
    number = getattr(signal, "SIGUSR1", None)
    if number is None:
        return

    def dump_tasks() -> None:
        for task in asyncio.all_tasks():
            task.print_stack(limit=10, file=sys.stderr)

    asyncio.get_running_loop().add_signal_handler(number, dump_tasks)
    faulthandler.register(number, file=sys.__stderr__ or sys.stderr, all_threads=True, chain=True)


def log_to_stderr(level: str, *, as_json: bool) -> None:
    """Let the log of this process go to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
