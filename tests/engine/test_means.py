"""What calls carry beside JSON, from the enqueue through real executor children and back: files, secrets, large payloads."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import logging
import os
import sqlite3
import tracemalloc
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mainspring import File, FileLimit, Mainspring, RunHandle, Secret
from mainspring.core import active
from mainspring.core.access import EVERYTHING
from mainspring.core.errors import (
    ConfigurationError,
    FileRefused,
    InvalidParams,
    PayloadTooLarge,
    RunFailed,
    RunSkipped,
    UnknownFile,
)
from mainspring.core.event import EventKind
from mainspring.engine.carry import _warned
from mainspring.operations.catalog import CATALOG
from mainspring.operations.operation import Caller
from tests.aio import PATIENCE, run
from tests.engine import parcels

VALUE = "hunter2/hunter2+ä"
SECRETS = {
    "env": {"TEST_TOKEN": {"tasks": ["betray_*", "passes_on"]}, "FOR_ACME": {"tasks": ["betray_async"], "tenants": ["acme"]}},
}  # fmt: skip


@asynccontextmanager
async def working(folder: Path, **settings: Any) -> AsyncIterator[Mainspring]:
    """An app on an SQLite file with a worker and real children."""
    app = Mainspring(f"sqlite:///{folder}/store.db", tasks=parcels.ALL, secrets=SECRETS, max_concurrent=2, **settings)
    try:
        async with app, app.worker():
            yield app
    finally:
        active.retire(app)


async def end_of(handle: RunHandle[Any]) -> Any:
    return await handle.result(PATIENCE)


def told(work: Coroutine[Any, Any, None]) -> None:
    run(work)


def on_disk(folder: Path) -> bytes:
    """Return every byte that the store has written, but for what environment variables other processes see."""
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


# -- files


@pytest.mark.slow
@pytest.mark.scenario("S3-15", part="python")
def test_a_large_file_is_streamed_from_the_sender_to_the_body_and_goes_with_its_run(tmp_path: Path) -> None:
    """50 MB pass through a few megabytes of memory, on every side."""
    n = 50

    async def story() -> None:
        expected = hashlib.sha256()

        async def pieces() -> AsyncIterator[bytes]:
            for number in range(n):
                piece = bytes([number]) * 2**20
                expected.update(piece)
                yield piece

        async with working(tmp_path) as app:
            tracemalloc.start()
            try:
                file = await app.files.put(pieces(), name="big.bin", media_type="application/x-big")
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert (file.size, file.sha256) == (n * 2**20, expected.hexdigest())
            assert peak < 8 * 2**20
            handle = await app.enqueue(parcels.digest, big=file)
            found = await end_of(handle)
            assert found["grown"] < 16 * 2**20
            assert found | {"grown": 0} == {
                "sha256": file.sha256, "name": "big.bin", "size": n * 2**20, "path": f"{file.id}.bin", "grown": 0,
            }  # fmt: skip
            store = await app.store()
            await store.retention.delete([handle.id])
            with pytest.raises(UnknownFile):
                file.read()
            large = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 2**20]
            assert [path for path in large if path.suffix != ".db-wal"] == []  # the schema alone may fill that one

    told(story())


def test_every_pool_reads_what_is_given_and_keeps_what_is_left(tmp_path: Path) -> None:
    async def story() -> None:
        async with working(tmp_path) as app:
            one, two = await app.files.put(b"one", name="one.txt"), await app.files.put(io.BytesIO(b"two"), name="two.txt")
            handle = await app.enqueue(parcels.upper, files=[one, two, one])
            made = await end_of(handle)
            assert [each.read() for each in made] == [b"ONE", b"TWO", b"ONE"]
            left = await handle.artifacts()
            assert [(each.name, each.read(), each.attempt) for each in left] == [
                ("upper-one.txt", b"ONE", 1), ("upper-two.txt", b"TWO", 1), ("upper-one.txt", b"ONE", 1),
            ]  # fmt: skip
            events = [event async for event in handle.events()]
            assert [event.data["name"] for event in events if event.kind is EventKind.ARTIFACT] == [each.name for each in left]
            for task in (parcels.upper_def, parcels.upper_solo, parcels.upper_thread, parcels.upper_inline):
                handle = await app.enqueue(task, file=one)  # type: ignore[arg-type]  # tasks of several shapes in one list
                assert (await end_of(handle)).read() == b"ONE", task.name
                assert [each.name for each in await handle.artifacts()] == ["one.txt"]
            assert await end_of(await app.enqueue(parcels.upper_def)) is None
            failed = await app.enqueue(parcels.leaves_and_fails)
            with pytest.raises(RunFailed):
                await end_of(failed)
            assert [each.read() for each in await failed.artifacts()] == [b"evidence"]

    told(story())


def test_a_body_hands_on_what_it_has_just_made(tmp_path: Path) -> None:
    """The row about the file travels slower than the call that needs it."""

    async def story() -> None:
        async with working(tmp_path) as app:
            maker = await app.enqueue(parcels.hands_on)
            followed = app.handle(await app.read_run(await end_of(maker)))
            assert [each.read() for each in await end_of(followed)] == [b"MADE HERE"]
            store = await app.store()
            await store.retention.delete([maker.id])
            assert (await store.files.get((await app.read_run(followed.id)).params.partition('"id":"')[2][:36])).read() == b"made here"

    told(story())


def test_what_was_not_put_here_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    async def story() -> None:
        async with working(tmp_path) as app:
            strange = File(id="01900000-0000-7000-8000-000000000000", name="a.txt", size=1, media_type="text/plain", sha256="0" * 64)
            for enqueue in (
                app.enqueue(parcels.upper, files=[strange]),
                app.enqueue_json(parcels.upper, json.dumps({"files": [strange.as_json()]})),
                app.enqueue_many(parcels.upper, [{"files": []}, {"files": [strange]}]),
            ):  # fmt: skip
                with pytest.raises(InvalidParams, match="a.txt: is not in the store of files"):
                    await enqueue
            with pytest.raises(FileRefused, match="cannot be read: No such file"):
                await app.files.put(tmp_path / "none")
            with pytest.raises(InvalidParams, match="of a type that is not taken"):
                await app.enqueue(parcels.digest, big=await app.files.put(b"x", name="x.txt"))
            with pytest.raises(FileRefused, match="too large"):
                await app.files.put(b"12345", limit=FileLimit(max_size=4))
            foreign = await app.files.put(b"x", tenant="acme")
            with pytest.raises(InvalidParams, match="is not in the store"):
                await app.enqueue(parcels.upper, files=[foreign])
            assert (await end_of(await app.enqueue(parcels.upper.options(tenant="acme"), files=[foreign])))[0].read() == b"X"
            assert [each.id for each in await (await app.store()).runs.page(task="upper", scope=EVERYTHING)] != []

    told(story())


def test_a_retry_holds_the_files_of_the_run_that_it_repeats(tmp_path: Path) -> None:
    async def story() -> None:
        async with working(tmp_path) as app:
            handle = await app.enqueue(parcels.upper, files=[await app.files.put(b"x", name="x.txt")])
            await end_of(handle)
            again = await app.retry(handle.id)
            await (await app.store()).retention.delete([handle.id])
            assert [each.read() for each in await end_of(again)] == [b"X"]
            many = await app.enqueue_many(parcels.upper, [{"files": [await app.files.put(b"y")]} for _ in range(3)])
            assert [(await end_of(each))[0].read() for each in many] == [b"Y"] * 3

    told(story())


def test_blocking_callers_have_files_too(tmp_path: Path) -> None:
    app = Mainspring(f"sqlite:///{tmp_path}/store.db", tasks=[parcels.upper_inline])
    try:
        file = app.blocking.put_file(b"x", name="x.txt")
        handle = app.blocking.enqueue(parcels.upper_inline, file=file)
        app.blocking.run(parcels.upper_inline, file=file)
        assert app.blocking.artifacts(handle.id) == []
        assert file.read() == b"x"
    finally:
        app.blocking.close()
        active.retire(app)


@pytest.mark.scenario("K4", part="MAINSPRING_FILES")
def test_without_a_place_the_error_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Mainspring("postgresql://nobody@nowhere.invalid/x", tasks=[parcels.upper])
    try:
        with pytest.raises(ConfigurationError, match="set MAINSPRING_FILES to a directory that all nodes share"):
            _ = app._means().blobs
        monkeypatch.setenv("MAINSPRING_FILES", "/srv/files")
        assert Mainspring("postgresql://nobody@nowhere.invalid/x")._means().blobs.where == "/srv/files"
    finally:
        active._apps.clear()


# -- secrets


async def everything_about(app: Mainspring, run_id: str) -> str:
    """Return whatever any door tells about a run, as text."""
    texts = []
    for name in ("runs.show", "runs.events", "runs.logs", "runs.attempts", "runs.artifacts", "runs.explain"):
        operation = CATALOG[name]
        texts.append((await operation(app, operation.request(id=run_id), Caller("a", "test"))).model_dump_json())
    texts.append(repr(await app.read_run(run_id)))
    texts += [repr(event) async for event in app.follow(run_id)]
    return "\n".join(texts)


@pytest.mark.scenario("S3-17", part="python")
@pytest.mark.scenario("I6", part="python")
@pytest.mark.parametrize("isolation", ["process", "thread", "inline"])
def test_the_value_of_a_secret_appears_nowhere(
    isolation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A body says it in every way: in no row, no log, no event, no answer and no byte of the store is more than its reference."""
    monkeypatch.setenv("TEST_TOKEN", VALUE)

    async def story() -> None:
        async with working(tmp_path, isolation=isolation) as app:
            runs: list[RunHandle[Any]] = []
            for how in ("return", "raise", "fail", "skip"):
                runs.append(await app.enqueue(parcels.betray_async, token=Secret("env:TEST_TOKEN"), how=how))
                login = parcels.Login(user="me", password=Secret("env:TEST_TOKEN"))
                runs.append(await app.enqueue(parcels.betray_def, login=login, how=how))
            for handle in runs:
                try:
                    shown = repr(await end_of(handle))
                except (RunFailed, RunSkipped) as error:
                    shown = f"{error!r} {error.error}"
                shown += await everything_about(app, handle.id)
                assert "hunter2" not in shown
                assert "env:TEST_TOKEN" in shown
                assert shown.count("***") > 5
                logs = [event.data["message"] for event in [each async for each in handle.events()] if event.kind is EventKind.LOG]
                assert "stdout ***" in logs
                assert "log ***" in logs
                assert "logging ***" in logs
            assert await end_of(runs[0]) == {"said": "result ***", "***": ["***"]}
            assert [each.name for each in await runs[0].artifacts()] == ["***.txt"]

    told(story())
    assert b"hunter2" not in on_disk(tmp_path)
    said = capfd.readouterr()
    if isolation == "process":  # inside this process others listen too, and what its threads print is the process's own
        assert "hunter2" not in said.out + said.err
    with sqlite3.connect(tmp_path / "store.db") as database:
        assert "hunter2" not in "\n".join(database.iterdump())


@pytest.mark.scenario("K4", part="[secrets]")
def test_a_secret_is_resolved_only_as_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An enqueuer that has a configuration says so at once; the node has the last word."""
    monkeypatch.setenv("TEST_TOKEN", VALUE)
    monkeypatch.setenv("FOR_ACME", VALUE)

    async def story() -> None:
        async with working(tmp_path) as app:
            with pytest.raises(InvalidParams, match=r"secret env:HOME is not declared: add \[secrets.env.HOME\]"):
                await app.enqueue(parcels.betray_async, token=Secret("env:HOME"))
            with pytest.raises(InvalidParams, match="not declared for the task 'betray_async'"):
                await app.enqueue(parcels.betray_async, token=Secret("env:FOR_ACME"))
            handle = await app.enqueue(parcels.betray_async.options(tenant="acme"), token=Secret("env:FOR_ACME"))
            assert (await end_of(handle))["said"] == "result ***"
            careless = Mainspring(f"sqlite:///{tmp_path}/store.db", tasks=parcels.ALL)
            async with careless:
                handle = await careless.enqueue(parcels.betray_async, token=Secret("env:HOME"))
            with pytest.raises(RunFailed, match="not declared") as info:
                await end_of(app.handle(await app.read_run(handle.id)))
            assert (info.value.error or {})["kind"] == "configuration"
            assert os.environ["HOME"] not in await everything_about(app, handle.id)
            monkeypatch.delenv("TEST_TOKEN")

    told(story())


def test_a_value_cannot_be_passed_on_as_a_parameter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TOKEN", VALUE)

    async def story() -> None:
        async with working(tmp_path) as app:
            with pytest.raises(RunFailed, match="hand over the reference"):
                await end_of(await app.enqueue(parcels.passes_on, token=Secret("env:TEST_TOKEN")))
            assert await (await app.store()).runs.page(task="takes_text", scope=EVERYTHING) == []

    told(story())
    assert b"hunter2" not in on_disk(tmp_path)


def test_raw_secrets_are_warned_of_once_and_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _warned.clear()
    key = "AKIA" + "IOSFODNN7EXAMPLE"

    async def story() -> None:
        app = Mainspring("sqlite://", tasks=parcels.ALL)
        async with app:
            for _ in range(2):
                await app.enqueue(parcels.takes_text, text=f"use {key}")
            await app.enqueue(parcels.takes_text, text="harmless")
        active.retire(app)

    with caplog.at_level(logging.WARNING, "mainspring"):
        told(story())
    (said,) = [record.getMessage() for record in caplog.records if "looks like" in record.getMessage()]
    assert said.startswith("takes_text: the parameter text looks like an AWS access key")
    assert "Param(secret=False)" in said
    assert key not in caplog.text


# -- payloads


@pytest.mark.failure(40)
@pytest.mark.scenario("I7", part="refused by default")
def test_a_payload_past_the_cap_is_refused_with_size_cap_and_remedy(tmp_path: Path) -> None:
    async def story() -> None:
        async with working(tmp_path) as app:
            text = "x" * (10 * 2**20)
            many = [{"text": "ok"}, {"text": text}]
            for enqueue in (
                app.enqueue(parcels.takes_text, text=text),
                app.enqueue_json(parcels.takes_text, json.dumps({"text": text})),
                app.enqueue_many(parcels.takes_text, many),
                app.enqueue_many(parcels.takes_text, many[::-1]),
            ):  # fmt: skip
                with pytest.raises(
                    PayloadTooLarge, match=r"parameters of takes_text has 10 MiB, 256 KiB at most.*as a File.*MAINSPRING_SPILL"
                ):
                    await enqueue
            assert await (await app.store()).runs.page(scope=EVERYTHING) == []
            assert await end_of(await app.enqueue(parcels.takes_text, text="x" * 262_132)) == 262_132  # the cap to the byte
            with pytest.raises(PayloadTooLarge):
                await app.enqueue(parcels.takes_text, text="x" * 262_133 + "y")
            with pytest.raises(PayloadTooLarge):  # bytes count, not characters
                await app.enqueue(parcels.takes_text, text="ä" * 131_070)
            for task in (parcels.gives_text, parcels.gives_text_def):
                handle = await app.enqueue(task, n=10 * 2**20)
                with pytest.raises(RunFailed, match=f"the result of {task.name} has .* MiB, 256 KiB at most"):
                    await end_of(handle)
                assert (await handle.status()).attempt == 1  # no retry makes it smaller

    told(story())


@pytest.mark.failure(40)
@pytest.mark.scenario("I7", part="or goes among the files, whole")
def test_a_payload_past_the_cap_spills_where_that_is_set(tmp_path: Path) -> None:
    async def story() -> None:
        async with working(tmp_path, spill=True) as app:
            text = "y" * (10 * 2**20)
            handle = await app.enqueue(parcels.takes_text, text=text)
            assert await end_of(handle) == len(text)
            assert json.loads((await handle.status()).params) == {"text": text}
            for task in (parcels.gives_text, parcels.gives_text_def):
                assert len(await end_of(await app.enqueue(task, n=3 * 2**20))) == 3 * 2**20
            many = await app.enqueue_many(parcels.takes_text, [{"text": text}, {"text": "short"}])
            assert [await end_of(each) for each in many] == [len(text), 5]
            with sqlite3.connect(tmp_path / "store.db") as database:
                longest = "select max(length(params)), max(length(result)) from mainspring_history"
                assert max(database.execute(longest).fetchone()) < 1000
            again = await app.retry(many[0].id)
            store = await app.store()
            await store.retention.delete([many[0].id])
            assert await end_of(again) == len(text)
            with pytest.raises(PayloadTooLarge, match="has 64 MiB, 64 MiB at most are taken: hand the data over as a File"):
                await app.enqueue(parcels.takes_text, text="z" * (64 * 2**20))
            ids = [row.id for row in await store.runs.page(n=100, scope=EVERYTHING)]
            await store.retention.delete(ids)
            assert [path for path in (tmp_path / "store.db.files").rglob("*") if path.is_file()] == []

    told(story())


@pytest.mark.scenario("K4", part="MAINSPRING_MAX_PAYLOAD")
def test_a_cap_of_ones_own(tmp_path: Path) -> None:
    async def story() -> None:
        async with working(tmp_path, max_payload=1000) as app:
            assert await end_of(await app.enqueue(parcels.takes_text, text="x" * 900)) == 900
            with pytest.raises(PayloadTooLarge, match="1000 bytes at most"):
                await app.enqueue(parcels.takes_text, text="x" * 1000)
            with pytest.raises(RunFailed, match="1000 bytes at most"):
                await end_of(await app.enqueue(parcels.gives_text_def, n=1000))

    told(story())


# -- search


def test_runs_are_found_by_marked_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TOKEN", VALUE)

    async def story() -> None:
        async with working(tmp_path) as app:
            handles = [
                await app.enqueue(parcels.betray_async, token=Secret("env:TEST_TOKEN"), how=how) for how in ("return", "skip", "skip")
            ]
            store = await app.store()
            found = await store.runs.page(where=[("how", "skip")], scope=EVERYTHING)
            assert [each.id for each in found] == [handles[2].id, handles[1].id]
            assert await store.runs.page(where=[("how", "skip")], task="other", scope=EVERYTHING) == []
            await asyncio.gather(*(end_of(handle) for handle in handles), return_exceptions=True)
            await store.retention.delete([handles[2].id])
            assert [each.id for each in await store.runs.page(where=[("how", "skip")], scope=EVERYTHING)] == [handles[1].id]

    told(story())
