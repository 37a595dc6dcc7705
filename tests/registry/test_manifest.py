"""The manifest: what a node without the code can do with a task, and what it cannot."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from mainspring import Context, Dedupe, Isolation, Limit, Priority, Retry, task
from mainspring.core.errors import ConfigurationError, DefinitionError, InvalidParams, UndecodableParams, UnknownTask
from mainspring.core.task import Surface, Task
from mainspring.registry import Registry
from mainspring.registry.index import index_text
from mainspring.registry.manifest import manifest_text, read_manifest, tasks_of


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    number: int = Field(1, ge=1)


@task(
    title="Ship it",
    category="data",
    icon="truck",
    tags=["a", "b"],
    danger="It leaves.",
    queue="ships",
    priority="high",
    retry=Retry(retries=7),
    timeout="90s",
    deadline="1h",
    repeatable=False,
    max_rescues=2,
    concurrency=4,
    rate="10/s",
    limit=Limit("to:{to.street}", concurrency=2),
    dedupe=Dedupe("{id}", "debounce", window="5s"),
    requires="engine>=0.0.1",
    no_cli=True,
    params_version=3,
)
def ship(
    ctx: Context, id: UUID, to: Address, when: datetime, day: date, at: time, wait: timedelta, price: Decimal, colours: list[Colour],
    kind: Literal["air", "sea"] = "sea", note: str | None = None, weight: Annotated[float, Field(gt=0, le=100)] = 1.5, blob: bytes = b"x",
    *, made: Annotated[list[str], Field(default_factory=list)],
) -> Address:  # fmt: skip
    """Ship a thing.

    Args:
        to: where it goes
    """
    return to


@task
async def plain() -> None: ...


GOOD: dict[str, Any] = {
    "id": UUID(int=7),
    "to": Address(street="Main", number=1),
    "when": datetime(2030, 1, 1, tzinfo=UTC),
    "day": date(2030, 1, 2),
    "at": time(8),
    "wait": timedelta(minutes=5),
    "price": Decimal("1.50"),
    "colours": [Colour.RED],
}


@pytest.fixture
def remote(tmp_path: Path) -> Task[..., Any]:
    """The task as a node without its code knows it."""
    file = tmp_path / "mainspring.json"
    file.write_text(manifest_text([plain, ship]))
    _, found = read_manifest(file)
    return found


@pytest.mark.scenario("D10", part="manifest")
def test_everything_that_an_enqueue_needs_comes_back(remote: Task[..., Any]) -> None:
    ours, theirs = ship.spec, remote.spec
    for name in (
        "name", "title", "description", "category", "icon", "tags", "danger", "is_expensive", "queue", "priority", "retry", "timeout",
        "deadline", "isolation", "is_enabled", "is_repeatable", "max_rescues", "is_async", "concurrency", "rate", "limit", "dedupe",
        "requires", "hidden_from", "params_version", "variant_of",
    ):  # fmt: skip
        assert getattr(theirs, name) == getattr(ours, name), name
    assert theirs.hidden_from == {Surface.CLI}
    assert theirs.priority is Priority.HIGH
    assert remote.params.schema() == ship.params.schema()
    assert remote.result.schema() == ship.result.schema()
    assert remote.params.names == ship.params.names
    assert remote.form() == ship.form()


def test_the_text_is_the_same_every_time_and_knows_the_pools() -> None:
    text = manifest_text([ship, plain])
    assert text == manifest_text([plain, ship])
    assert [each["pool"] for each in json.loads(text)["tasks"]] == ["async", "solo"]
    assert [each["pool"] for each in json.loads(manifest_text([ship, plain], Isolation.INLINE))["tasks"]] == ["inline", "inline"]
    assert str(Path(__file__).parent) not in text


@pytest.mark.scenario("D10", part="manifest")
def test_parameters_are_stored_as_with_the_code(remote: Task[..., Any]) -> None:
    assert json.loads(remote.params.dump((), GOOD)) == json.loads(ship.params.dump((), GOOD)) | {"to": {"street": "Main", "number": 1}}
    stored = remote.params.dump(
        (GOOD["id"], {"street": "x"}), {**{k: v for k, v in GOOD.items() if k not in ("id", "to")}, "blob": b"\xff"}
    )
    loaded = ship.params.load(stored)
    assert (loaded["blob"], loaded["to"], loaded["when"], loaded["kind"]) == (b"\xff", Address(street="x", number=1), GOOD["when"], "sea")


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        ({"id": 7}, "id", "input should be string"),
        ({"id": "seven"}, "id", "input should be a valid uuid"),
        ({"when": "soon"}, "when", "input should be a valid date-time"),
        ({"day": "2030-13-01"}, "day", "input should be a valid date"),
        ({"wait": "a while"}, "wait", "input should be a valid duration"),
        ({"to": {}}, "to.street", "is missing"),
        ({"to": {"street": "x", "number": 0}}, "to.number", "input should be at least 1"),
        ({"colours": ["red", "green"]}, "colours.1", "input should be 'red' or 'blue'"),
        ({"kind": "rail"}, "kind", "input should be 'air' or 'sea'"),
        ({"weight": 101}, "weight", "input should be at most 100"),
        ({"price": [1]}, "price", "input fits none of the allowed shapes"),
        ({"colour": "red"}, "colour", "unknown parameter, the task has id, to"),
        ({"id": None}, "id", "input should be string"),
    ],
)
@pytest.mark.scenario("D10", part="validation")
def test_a_wrong_parameter_is_named(remote: Task[..., Any], change: dict[str, Any], where: str, what: str) -> None:
    good = json.loads(remote.params.dump((), GOOD))
    with pytest.raises(InvalidParams) as caught:
        remote.params.dump_json_text(json.dumps(good | change))
    (problem,) = caught.value.problems
    assert problem.where == where
    assert problem.what.startswith(what)


def test_all_wrong_parameters_are_named_at_once(remote: Task[..., Any]) -> None:
    with pytest.raises(InvalidParams) as caught:
        remote.params.dump((), {"id": "x", "kind": "rail"})
    places = {each.where for each in caught.value.problems}
    assert places == {"id", "kind", "to", "when", "day", "at", "wait", "price", "colours"}
    with pytest.raises(InvalidParams, match="takes 13 parameters"):
        remote.params.dump(range(20), {})
    with pytest.raises(UndecodableParams):
        remote.params.load("{")


@pytest.mark.scenario("D10", part="never executes")
def test_it_cannot_be_called(remote: Task[..., Any]) -> None:
    with pytest.raises(DefinitionError, match="the code of the task 'ship' is not here"):
        remote.fn()
    assert not remote.is_here
    assert "elsewhere" in repr(remote)


def test_the_code_wins_over_the_manifest(remote: Task[..., Any]) -> None:
    registry = Registry.build([ship], remote=[remote, *tasks_of(json.loads(manifest_text([plain])))])
    assert registry.get("ship") is ship
    assert not registry.get("plain").is_here


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read"),
        ("[]", "is not understood"),
        ('{"manifest": 99, "tasks": []}', "reads up to 1: upgrade mainspring here"),
        ('{"tasks": []}', "it is no manifest of Mainspring"),
        ('{"manifest": 1, "tasks": [{"name": "x"}]}', "write it anew with 'mainspring index'"),
    ],
)
def test_a_manifest_that_is_none_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"m\.json") as caught:
        read_manifest(tmp_path / "m.json")
    assert told in str(caught.value)
    with pytest.raises(ConfigurationError, match="there is no such file; write it with 'mainspring index'"):
        read_manifest(tmp_path / "none.json")


def test_names_that_are_no_names_in_python_get_others() -> None:
    def named(name: str, **options: Any) -> Task[..., Any]:
        @task(name=name, **options)
        async def body(n: int = 1) -> None: ...

        return body

    text = index_text(
        manifest_text([named("mail:send"), named("mail.send"), named("class"), named("list"), named("say", description='"""')]), "m.json"
    )
    compile(text, "index.py", "exec")
    assert [line for line in text.splitlines() if line.startswith("def ")] == [
        "def class_(n: int = 1) -> None:", "def list_(n: int = 1) -> None:", "def mail_send(n: int = 1) -> None:",
        "def mail_send_(n: int = 1) -> None:", "def say(n: int = 1) -> None:",
    ]  # fmt: skip


def test_an_index_whose_manifest_lacks_a_task_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.json").write_text(manifest_text([plain]))
    (tmp_path / "stale_index_of_a_test.py").write_text(index_text(manifest_text([ship]), "m.json"))
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigurationError, match="has no task 'ship'; write both anew with 'mainspring index'"):
        __import__("stale_index_of_a_test")


def test_unknown_names_are_refused_all_the_same() -> None:
    registry = Registry.build([], remote=tasks_of(json.loads(manifest_text([plain]))))
    for name in ("os.system", "tests.registry.test_manifest.plain", "tests.registry.test_manifest:plain", "__import__"):
        with pytest.raises(UnknownTask):
            registry.get(name)
