"""Our console over a million runs: how soon each page begins to arrive, what it weighs, and what an upload costs in memory."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks.console_tasks import VARIABLE
from benchmarks.million import RUNS, fill
from benchmarks.place import Place
from benchmarks.processes import started, tail, tree_resident
from benchmarks.readings import Reading, percentile

SERVE = [sys.executable, "-m", "mainspring", "-A", "benchmarks.console_tasks:app", "serve", "--listen", "127.0.0.1:0"]
TOKEN = "for-this-benchmark-and-nobody-else"
PAGES = (
    "/", "/tasks", "/tasks/task_7", "/runs", "/runs?q=status:failed", "/runs?q=task:task_7", "/runs?q=label:label-7", "/schedules",
    "/services", "/queues", "/nodes", "/errors", "/dead", "/events", "/audit", "/search?q=task_7",
)  # fmt: skip
WARM_UP = 3  # times that each page is asked for before it counts
LOOK_EVERY = 0.02  # seconds between looks at the memory of the server
MEGABYTE = 1_000_000
PIECE = 64 * 1024


@dataclass
class Visitor:
    """A browser's connection to the console, let in by its cookie."""

    line: http.client.HTTPConnection
    cookie: str

    def get(self, path: str) -> tuple[float, bytes]:
        """Return the milliseconds until the head of the answer is there, and its body."""
        began = time.perf_counter()
        self.line.request("GET", path, headers={"Cookie": self.cookie})
        answer = self.line.getresponse()
        took = (time.perf_counter() - began) * 1000
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} was answered by {answer.status}")
        return took, body


async def first_byte(place: Place, count: int) -> Reading:
    """Each page ``count`` times over a million runs; what counts is the slowest of them."""
    await asyncio.to_thread(fill, place.url, RUNS, now=time.time())
    async with _console(place) as (_, visitor):
        times, weights = await asyncio.to_thread(_visit, visitor, count)
    slowest = max(times, key=lambda path: percentile(times[path], 95))
    heaviest = max(weights, key=lambda path: weights[path])
    note = f"the slowest is {slowest}; the heaviest {heaviest} with {weights[heaviest]:.0f} kB of HTML, squeezed"
    return Reading({"p50_ms": percentile(times[slowest], 50), "p99_ms": percentile(times[slowest], 99)}, note)


def _visit(visitor: Visitor, count: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    times: dict[str, list[float]] = {}
    weights: dict[str, float] = {}
    for path in PAGES:
        found = [visitor.get(path) for _ in range(count + WARM_UP)]
        times[path] = [took for took, _ in found[WARM_UP:]]
        weights[path] = len(gzip.compress(found[-1][1], 6)) / 1000
    return times, weights


async def upload(place: Place, count: int) -> Reading:
    """A file of ``count`` megabytes comes in with a form: how much more the server holds meanwhile than before."""
    async with _console(place) as (process, visitor):
        await asyncio.to_thread(visitor.get, "/tasks/take")
        before = most = tree_resident(process) or 0.0
        sending = asyncio.create_task(asyncio.to_thread(_send, visitor, count * MEGABYTE))
        while not sending.done():
            most = max(most, tree_resident(process) or 0.0)
            await asyncio.sleep(LOOK_EVERY)
        seconds = await sending
    return Reading({"memory_mb": (most - before) / MEGABYTE, "seconds": seconds})


def _send(visitor: Visitor, size: int) -> float:
    boundary = b"----the-benchmark"
    head = (
        b'--%b\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\nContent-Type: application/octet-stream\r\n\r\n'
        % boundary
    )
    end = b"\r\n--%b--\r\n" % boundary

    def body() -> Iterator[bytes]:
        yield head
        piece = bytes(PIECE)
        for start in range(0, size, PIECE):
            yield piece[: min(PIECE, size - start)]
        yield end

    headers = {
        "Cookie": visitor.cookie, "Sec-Fetch-Site": "same-origin", "Content-Length": str(len(head) + size + len(end)),
        "Content-Type": f"multipart/form-data; boundary={boundary.decode()}",
    }  # fmt: skip
    began = time.perf_counter()
    visitor.line.request("POST", "/api/v1/tasks/take/start", body(), headers)
    answer = visitor.line.getresponse()
    text = answer.read()
    if answer.status != 202:
        raise RuntimeError(f"the upload was answered by {answer.status}: {text[:300]!r}")
    return time.perf_counter() - began


@asynccontextmanager
async def _console(place: Place) -> AsyncIterator[tuple[int, Visitor]]:
    """Serve the console in a process of its own; yields its pid, and somebody whom it knows."""
    environment = {VARIABLE: place.dump(), "MAINSPRING_ACCESS_TOKEN": TOKEN, "MAINSPRING_AUTO_MIGRATE": "true"}
    async with started(SERVE, place, environment=environment) as (process,), asyncio.timeout(600):
        while (found := re.search(r"console is at (http://\S+?)/\?", tail(place))) is None:
            await asyncio.sleep(0.1)
        parts = urlsplit(found[1])
        with closing(http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)) as line:
            await asyncio.to_thread(line.request, "GET", f"/?token={TOKEN}")
            answer = await asyncio.to_thread(line.getresponse)
            answer.read()
            cookie = (answer.headers.get("Set-Cookie") or "").partition(";")[0]
            yield process.pid, Visitor(line, cookie)
