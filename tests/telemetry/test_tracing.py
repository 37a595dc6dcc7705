"""Spans tie an enqueue to its attempts, across processes, and say how they ended."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faces.conftest import ROOT

# In a process of its own: OpenTelemetry is set up once and for all, and other tests are to see that nothing happens without it.
SCRIPT = """
import asyncio, json, os, sys
from opentelemetry import trace
from mainspring import Mainspring
from mainspring.core.errors import RunError
from tests.telemetry import hooks, spanned_tasks as tasks

hooks.set_up()

async def main():
    app = Mainspring(
        f"sqlite:///{sys.argv[1]}", tasks=[tasks.fail, tasks.add, tasks.start_another, tasks.tell_ids],
        on_child_start=["tests.telemetry.hooks:set_up"], isolation=sys.argv[2], tracing=sys.argv[3] == "traced",
    )
    async with app, app.worker():
        with trace.get_tracer("shop").start_as_current_span("checkout"):
            failed = await app.enqueue(tasks.fail.options(key="k1"), message="no stock")
            many = await app.enqueue_many(tasks.add, [{"first": n, "second": n} for n in range(3)])
            parent = await app.enqueue(tasks.start_another)
            asked = await app.enqueue(tasks.tell_ids)
            blocking = await asyncio.to_thread(app.blocking.enqueue, tasks.add, 1, 1)
        try:
            await failed.result()
        except RunError as error:
            print(json.dumps({"failed": failed.id, "state": error.state}))
        assert [await run.result() for run in many] == [0, 2, 4]
        await app.wait_for(await parent.result())
        await app.wait_for(blocking.id)
        print(json.dumps({"ids": await asked.result(), "asked": asked.id, "child": await parent.result(), "blocking": blocking.id}))
    app.blocking.close()

asyncio.run(main())
"""


def spans_of(tmp_path: Path, isolation: str, tracing: str = "traced") -> tuple[list[dict[str, Any]], dict[str, Any]]:
    spans = tmp_path / "spans.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "jobs.db"), isolation, tracing],
        cwd=ROOT, env={"SPANS": str(spans), "PATH": "", "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        told |= json.loads(line)
    return [json.loads(line) for line in spans.read_text().splitlines()], told


@pytest.mark.scenario("S3-58")
@pytest.mark.parametrize("isolation", ["process", "inline"])
def test_an_attempt_is_in_the_trace_of_its_enqueue_and_linked_to_it(tmp_path: Path, isolation: str) -> None:
    spans, told = spans_of(tmp_path, isolation)
    [checkout] = [span for span in spans if span["name"] == "checkout"]
    trace_id = checkout["context"]["trace_id"]
    [submit] = [span for span in spans if span["name"] == "enqueue fail"]
    attempts = [span for span in spans if span["name"] == "run fail"]
    assert submit["parent_id"] == checkout["context"]["span_id"]
    assert submit["kind"] == "SpanKind.PRODUCER"
    assert submit["attributes"]["messaging.message.id"] == told["failed"]
    assert told["state"] == "failed"
    assert [span["attributes"]["mainspring.attempt"] for span in attempts] == [1, 2]
    for span in attempts:
        assert span["context"]["trace_id"] == trace_id
        assert [link["context"]["span_id"] for link in span["links"]] == [submit["context"]["span_id"]]
        assert span["status"] == {"status_code": "ERROR", "description": "no stock"}
        assert span["attributes"]["error.type"] == "builtins.ValueError"
        assert "ValueError: no stock" in span["events"][0]["attributes"]["exception.stacktrace"]
        attributes = {name: span["attributes"][f"mainspring.{name}"] for name in ("task", "category", "key")}
        assert attributes == {"task": "fail", "category": "maintenance", "key": "k1"}
        assert span["attributes"]["messaging.message.id"] == told["failed"]
    batch = [span for span in spans if span["name"] == "enqueue add" and span["attributes"].get("messaging.batch.message_count") == 3]
    added = [span for span in spans if span["name"] == "run add"]
    assert len(batch) == 1
    assert len(added) == 5
    assert {span["status"]["status_code"] for span in added} == {"OK"}
    assert {span["context"]["trace_id"] for span in added} == {trace_id}  # also the one that a body enqueued, and a blocking caller
    [parent] = [span for span in spans if span["name"] == "run start_another"]
    [child] = [span for span in added if span["attributes"]["messaging.message.id"] == told["child"]]
    between = next(span for span in spans if span["context"]["span_id"] == child["parent_id"])
    assert (between["name"], between["parent_id"]) == ("enqueue add", parent["context"]["span_id"])
    [asked] = [span for span in spans if span["name"] == "run tell_ids"]
    assert told["ids"] == {
        "run_id": told["asked"], "task": "tell_ids", "attempt": 1,
        "trace_id": asked["context"]["trace_id"][2:], "span_id": asked["context"]["span_id"][2:],
    }  # fmt: skip


@pytest.mark.scenario("K4", part="tracing")
def test_attempts_have_no_spans_where_the_setting_does_not_ask_for_them(tmp_path: Path) -> None:
    spans, told = spans_of(tmp_path, "process", "untraced")
    assert {span["name"].split()[0] for span in spans} == {"checkout", "enqueue"}
    assert told["ids"] == {"run_id": told["asked"], "task": "tell_ids", "attempt": 1}


SCHEDULED = """
import asyncio, sys
from mainspring import Mainspring, every, task
from tests.telemetry import hooks

hooks.set_up()

@task(schedule=every("1s", name="pulse"))
async def beat() -> str:
    return "done"

async def main():
    async with Mainspring(f"sqlite:///{sys.argv[1]}", tasks=[beat], isolation="inline", tracing=True) as app, app.runner() as runner:
        while not (await app.task_status("beat")).last or str((await app.task_status("beat")).last.state) != "completed":
            await asyncio.sleep(0.01)
        run = (await app.task_status("beat")).last
        print(run.id, run.schedule_id, run.slot_at.isoformat())

asyncio.run(main())
"""


@pytest.mark.scenario("S3-58", part="schedules")
def test_the_span_of_a_scheduled_attempt_tells_its_schedule_and_slot(tmp_path: Path) -> None:
    spans = tmp_path / "spans.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", SCHEDULED, str(tmp_path / "jobs.db")],
        cwd=ROOT, env={"SPANS": str(spans), "PATH": "", "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run_id, schedule_id, slot_at = done.stdout.split()
    found = [json.loads(line) for line in spans.read_text().splitlines()]
    (span,) = [each for each in found if each["attributes"].get("messaging.message.id") == run_id]
    told = {name: span["attributes"][f"mainspring.{name}"] for name in ("origin", "schedule_id", "slot_at")}
    assert told == {"origin": "schedule", "schedule_id": int(schedule_id), "slot_at": slot_at}
