"""The index lists tasks by name and by category, services and the runner; the manifest carries what keeps runs apart and in order."""

from __future__ import annotations

import asyncio
import importlib
import json
from datetime import timedelta
from pathlib import Path

import pytest

from mainspring import Context, Mainspring, cron, service, task
from mainspring.core.dependency import Dependency
from mainspring.core.overlap import Overlap
from mainspring.operations.operation import Caller
from mainspring.operations.tasks import ManifestRequest, write_manifest
from mainspring.registry.index import index_text
from mainspring.registry.manifest import manifest_text, tasks_of


@task(category="maintenance", schedule=cron("0 3 * * *", tz="Europe/Berlin", params={"keep": 3}), queue="slow")
async def prune(keep: int = 14) -> int:
    """Throw old dumps away."""
    return keep


@task(category="maintenance", overlap=Overlap("queue", most=3, key="repo:{url}"), depends_on=["prune", Dependency("report", within="24h")])
async def mirror(url: str) -> None:
    """Fetch a repository."""


@task(overlap="allow:4")
async def report() -> None:
    """Write a report."""


@service(category="mail", priority="high", restart="on-failure", instances="per-node")
async def watch_inbox(ctx: Context) -> None:
    """Watch the inbox."""


def test_an_index_lists_tasks_by_name_and_category_services_and_the_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = manifest_text([prune, mirror, report], services=[watch_inbox])
    (tmp_path / "m.json").write_text(text)
    (tmp_path / "listing_index_of_a_test.py").write_text(index_text(text, "m.json"))
    monkeypatch.syspath_prepend(str(tmp_path))
    index = importlib.import_module("listing_index_of_a_test")
    assert sorted(index.TASKS) == ["mirror", "prune", "report"]
    assert index.TASKS["prune"] is index.prune
    assert {category: [each.name for each in tasks] for category, tasks in index.TASKS_BY_CATEGORY.items()} == {
        "general": ["report"], "maintenance": ["mirror", "prune"],
    }  # fmt: skip
    (said,) = index.SERVICES.values()
    assert (said.name, said.category, said.priority, said.restart, said.instances) == (
        "watch_inbox", "mail", "high", "on-failure", "per-node",
    )  # fmt: skip
    assert said.description == "Watch the inbox."
    assert index.RUNNER.command == "mainspring runner"
    assert set(index.RUNNER.roles) == {"all", "worker", "scheduler", "serve"}
    assert index.RUNNER.queues == ("default", "slow")
    assert json.loads(text)["by_category"] == {"general": ["report"], "maintenance": ["mirror", "prune"]}


def test_a_task_may_be_called_as_a_list_is() -> None:
    @task(name="TASKS")
    async def body() -> None: ...

    text = index_text(manifest_text([body]), "m.json")
    compile(text, "index.py", "exec")
    assert "def TASKS_() -> None:" in text


def test_what_keeps_runs_apart_and_in_order_comes_back() -> None:
    remote = {each.name: each.spec for each in tasks_of(json.loads(manifest_text([prune, mirror, report])))}
    for ours in (prune, mirror, report):
        theirs = remote[ours.name]
        assert (theirs.overlap, theirs.overlap_policy) == (ours.spec.overlap, ours.spec.overlap_policy)
        assert theirs.depends_on == ours.spec.depends_on
        assert theirs.schedules == ours.spec.schedules
    assert remote["mirror"].depends_on[1].within == timedelta(hours=24)
    assert str(remote["prune"].overlap_policy) == "skip"  # it has a schedule


def test_a_manifest_of_an_older_release_is_read() -> None:
    said = json.loads(manifest_text([report]))
    for each in said["tasks"]:
        for name in ("schedules", "overlap", "depends_on"):
            del each[name]
    (found,) = tasks_of({"manifest": 1, "tasks": said["tasks"]})
    assert (found.spec.overlap, found.spec.schedules, found.spec.depends_on) == (None, (), ())


def test_the_manifest_of_an_app_has_its_services() -> None:
    app = Mainspring("sqlite://", tasks=[report, watch_inbox])
    view = asyncio.run(write_manifest(app, ManifestRequest(file="m.json"), Caller("ada", "cli")))
    assert [each["name"] for each in json.loads(view.manifest)["services"]] == ["watch_inbox"]
    assert view.tasks == 1
