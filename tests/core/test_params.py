"""A signature becomes a model: names, types, defaults, round trips, and every mistake at once."""
# mypy: disable-error-code="empty-body, no-untyped-def, assignment, name-defined, list-item"

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NoReturn
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, computed_field

from mainspring.core import params as params_module
from mainspring.core.context import Context
from mainspring.core.errors import DefinitionError, InvalidParams, InvalidResult, UndecodableParams
from mainspring.core.task import Task, task


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Address(BaseModel):
    street: str
    number: int = 1


class Aliased(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: str = Field(alias="type")
    size: int = Field(default=1, serialization_alias="theSize")

    @computed_field
    def label(self) -> str:
        return f"{self.kind} {self.size}"


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


@dataclass
class Point:
    x: int
    y: int = 0


class Pair(NamedTuple):
    left: int
    right: str


@task
def everything(
    text: str,
    number: int,
    ratio: float,
    flag: bool,
    choice: Literal["sql", "tar"],
    colour: Colour,
    level: Level,
    moment: datetime,
    day: date,
    hour: time,
    wait: timedelta,
    id: UUID,
    names: list[str],
    pair: tuple[int, str],
    tags: set[str],
    table: dict[str, list[int]],
    maybe: int | None,
    place: Path,
    price: Decimal,
    raw: bytes,
    address: Address,
    aliased: Aliased,
    tree: Tree,
    point: Point,
    named: Pair,
    bounded: Annotated[int, Field(ge=0, le=10)],
) -> None: ...


VALUES: dict[str, Any] = {
    "text": "ä 100% „x“\n",
    "number": 2**70,
    "ratio": 0.1,
    "flag": True,
    "choice": "tar",
    "colour": Colour.BLUE,
    "level": Level.HIGH,
    "moment": datetime(2026, 3, 29, 1, 0, 0, 123456, tzinfo=UTC),
    "day": date(2024, 2, 29),
    "hour": time(23, 59, 59),
    "wait": timedelta(days=1, microseconds=1),
    "id": UUID(int=7),
    "names": ["a,b", "ü"],
    "pair": (1, "x"),
    "tags": {"a"},  # one: the order of a set is nobody's promise
    "table": {"k": [1, 2]},
    "maybe": None,
    "place": Path("/tmp/a b"),
    "price": Decimal("1.10"),
    "raw": b"\xff\x00",
    "address": Address(street="s"),
    "aliased": Aliased(type="t", size=2),
    "tree": Tree(name="a", children=[Tree(name="b")]),
    "point": Point(1),
    "named": Pair(1, "r"),
    "bounded": 10,
}


def test_every_type_comes_back_as_it_went_in() -> None:
    loaded = everything.params.load(everything.params.dump((), VALUES))
    assert loaded == VALUES
    assert {name: type(value) for name, value in loaded.items()} == {
        name: type(value) if name != "place" else type(Path()) for name, value in VALUES.items()
    }


def test_stored_text_is_stable_under_a_second_round() -> None:
    text = everything.params.dump((), VALUES)
    assert everything.params.dump((), everything.params.load(text)) == text
    assert everything.params.dump_json_text(text) == text


def test_every_type_has_a_schema_with_its_kind() -> None:
    schema = everything.params.schema()
    assert schema["title"] == "everything"
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == list(VALUES)
    assert schema["required"] == list(VALUES)
    assert schema["properties"]["moment"]["format"] == "date-time"
    assert schema["properties"]["choice"]["enum"] == ["sql", "tar"]
    assert schema["properties"]["bounded"] == {"maximum": 10, "minimum": 0, "title": "Bounded", "type": "integer"}


@task
def odd_names(
    format: str, t: int, category: str, async_: bool, download: bool, copy: int, schema: str, json: str, model_x: int,
    dict: int, validate: str, self: int, args: int, kwargs: int, task: str, fn: str, name: str,
) -> None: ...  # fmt: skip


@pytest.mark.scenario("S3-13", part="core")
def test_no_name_of_a_parameter_meets_one_of_ours() -> None:
    values = dict.fromkeys(("format", "category", "schema", "json", "validate", "task", "fn", "name"), "x")
    numbers = dict.fromkeys(("t", "copy", "model_x", "dict", "self", "args", "kwargs"), 1)
    given: dict[str, object] = {**values, **numbers, "async_": True, "download": False}
    assert odd_names.problems() == ()
    assert odd_names.params.load(odd_names.params.dump((), given)) == given
    assert set(odd_names.params.schema()["properties"]) == set(given)


@task
def backup(
    database: str, format: Literal["sql", "tar"] = "sql", keep: int = 14, colour: Colour = Colour.RED,
    since: date = date(2026, 1, 1), tables: list[str] = ["a"], place: Address = Address(street="s"),  # noqa: B006, B008
) -> int:  # fmt: skip
    return keep


@pytest.mark.scenario("S3-12", part="python")
def test_defaults_are_typed_and_the_same_by_every_door() -> None:
    expected = {
        "database": "orders", "format": "sql", "keep": 14, "colour": Colour.RED, "since": date(2026, 1, 1),
        "tables": ["a"], "place": Address(street="s"),
    }  # fmt: skip
    for text in (
        backup.params.dump((), {"database": "orders"}),
        backup.params.dump(("orders",), {}),
        backup.params.dump_json_text('{"database": "orders"}'),
        '{"database": "orders"}',  # stored before the other parameters existed
    ):
        assert backup.params.load(text) == expected


@pytest.mark.scenario("S3-12", part="python")
def test_paths_are_defaults_by_every_door() -> None:
    @task
    def body(one: Path = Path("/a"), many: list[Path] = [Path("b")], more: dict[str, Path] | None = {"c": Path("c")}) -> None: ...  # noqa: B006

    params = body.params
    assert params.dump_json_text("{}") == params.dump((), {}) == '{"one":"/a","many":["b"],"more":{"c":"c"}}'
    assert params.load("{}") == {"one": Path("/a"), "many": [Path("b")], "more": {"c": Path("c")}}


def test_defaults_stand_in_the_schema() -> None:
    properties = backup.params.schema()["properties"]
    shown = {name: each["default"] for name, each in properties.items() if "default" in each}
    assert shown == {
        "format": "sql", "keep": 14, "colour": "red", "since": "2026-01-01", "tables": ["a"],
        "place": {"street": "s", "number": 1},
    }  # fmt: skip
    assert backup.params.schema()["required"] == ["database"]


def test_mutable_defaults_are_not_shared_between_runs() -> None:
    stored = '{"database": "orders"}'
    first = backup.params.load(stored)
    first["tables"].append("spoilt")
    first["place"].street = "spoilt"
    second = backup.params.load(stored)
    assert (second["tables"], second["place"].street) == (["a"], "s")


@task
def loose(anything: Any = {}, listed: list[Any] = [[]], mapping: dict[str, Any] = {"k": []}) -> None:  # noqa: B006
    """Defaults that no type copies."""


def test_defaults_without_a_type_are_not_shared_either() -> None:
    first = loose.params.load("{}")
    first["anything"]["x"] = 1
    first["listed"][0].append(1)
    first["mapping"]["k"].append(1)
    assert loose.params.load("{}") == {"anything": {}, "listed": [[]], "mapping": {"k": []}}


@pytest.mark.scenario("S3-11", part="python")
def test_all_mistakes_are_told_at_once_with_their_paths() -> None:
    @task
    def order(count: Annotated[int, Field(ge=1)], kind: Literal["a", "b"], place: Address, points: list[Point]) -> None: ...

    with pytest.raises(InvalidParams) as caught:
        order.params.dump((), {"count": "many", "kind": "c", "points": [{"x": 1}, {"x": "?"}], "cuont": 1})
    assert [(each.where, each.value) for each in caught.value.problems] == [
        ("count", "'many'"),
        ("kind", "'c'"),
        ("place", None),
        ("points.1.x", "'?'"),
        ("cuont", "1"),
    ]
    told = str(caught.value)
    assert "unknown parameter, the task has count, kind, place, points" in told
    assert "place: is missing" in told
    with pytest.raises(InvalidParams, match="count: input should be greater than or equal to 1"):
        order.params.dump((), {"count": 0, "kind": "a", "place": {"street": "s"}, "points": []})


@pytest.mark.scenario("S3-11", part="python")
def test_json_and_python_find_the_same_mistakes() -> None:
    with pytest.raises(InvalidParams) as by_python:
        backup.params.dump((), {"keep": "x", "unknown": 1})
    with pytest.raises(InvalidParams) as by_json:
        backup.params.dump_json_text('{"keep": "x", "unknown": 1}')
    assert by_python.value.problems == by_json.value.problems


def test_positions_are_bound_by_the_signature() -> None:
    assert backup.params.load(backup.params.dump(("orders", "tar"), {"keep": 3}))["keep"] == 3
    with pytest.raises(InvalidParams, match="given twice"):
        backup.params.dump(("orders",), {"database": "other"})
    with pytest.raises(InvalidParams, match="takes 7 parameters"):
        backup.params.dump(tuple("abcdefgh"), {})


def test_a_task_without_parameters_says_so() -> None:
    @task
    def nightly() -> None: ...

    assert nightly.params.dump((), {}) == "{}"
    with pytest.raises(InvalidParams, match="the task has none"):
        nightly.params.dump((), {"x": 1})


def test_what_is_no_json_is_told_from_what_does_not_fit() -> None:
    for text in ("", "{", "\x00", b"\xff\xfe"):
        with pytest.raises(UndecodableParams):
            backup.params.load(text)
    with pytest.raises(InvalidParams) as caught:
        backup.params.load("[]")
    assert not isinstance(caught.value, UndecodableParams)


def test_a_long_wrong_value_is_shortened() -> None:
    with pytest.raises(InvalidParams) as caught:
        backup.params.dump((), {"database": "x", "keep": "y" * 10_000})
    assert len(str(caught.value)) < 300


def test_infinities_and_nan_survive_in_standard_json() -> None:
    @task
    def measure(values: list[float]) -> float: ...

    text = measure.params.dump(([math.inf, -math.inf, math.nan],), {})
    assert "NaN" in text and "Infinity" in text and text.count('"') == 8
    low, high, nan = measure.params.load(text)["values"]
    assert (low, high) == (math.inf, -math.inf) and math.isnan(nan)
    assert math.isnan(measure.result.load(measure.result.dump(math.nan)))


@given(st.fixed_dictionaries({
    "text": st.text(), "number": st.integers(), "ratio": st.floats(allow_nan=False), "raw": st.binary(),
    "moment": st.datetimes(timezones=st.just(UTC)), "wait": st.timedeltas(),
    "tags": st.sets(st.text()), "table": st.dictionaries(st.text(), st.lists(st.integers())),
    "pair": st.tuples(st.integers(), st.text()), "maybe": st.none() | st.integers(),
}))  # fmt: skip
def test_any_value_makes_the_round(values: dict[str, Any]) -> None:
    given = VALUES | values
    assert everything.params.load(everything.params.dump((), given)) == given


def test_model_and_schema_are_built_once_and_late(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[object] = []
    adapter = TypeAdapter
    schemas: list[object] = []

    class Counting(adapter):  # type: ignore[valid-type, misc]
        def __init__(self, kind: Any, **options: Any) -> None:
            built.append(kind)
            super().__init__(kind, **options)

        def json_schema(self, **options: Any) -> dict[str, Any]:
            schemas.append(self)
            return super().json_schema(**options)  # type: ignore[no-any-return]

    monkeypatch.setattr(params_module, "TypeAdapter", Counting)

    @task
    def lazy(x: int = 1) -> int: ...

    assert built == []
    for _ in range(3):
        lazy.problems()
        lazy.params.dump((), {})
        lazy.params.schema()
        lazy.result.schema()
    assert len(built) == 2  # parameters and result
    assert len(schemas) == 2


def test_a_schema_given_away_is_a_copy() -> None:
    backup.params.schema()["properties"].clear()
    backup.result.schema().clear()
    assert "database" in backup.params.schema()["properties"]
    assert backup.result.schema() == {"type": "integer"}


# -- results -----------------------------------------------------------------------------------------------------------


@task
def typed_result() -> dict[str, tuple[int, Point]]: ...


@task
def model_result() -> Aliased: ...


@task
def no_result() -> None: ...


@task
def unannotated_result():
    """Return whatever it likes."""


@task
def never() -> NoReturn: ...


def test_results_come_back_as_annotated() -> None:
    value = {"a": (1, Point(1, 2))}
    assert typed_result.result.load(typed_result.result.dump(value)) == value
    assert no_result.result.dump(None) is None
    assert no_result.result.load(None) is None
    assert never.problems() == ()
    assert unannotated_result.result.load(unannotated_result.result.dump([1, "a"])) == [1, "a"]


def test_a_result_shows_what_is_computed_and_still_loads_where_its_model_allows() -> None:
    @task
    def shown() -> Address: ...

    assert shown.result.load(shown.result.dump(Address(street="s"))) == Address(street="s")
    assert '"label":"t 1"' in (model_result.result.dump(Aliased(type="t")) or "")


def test_what_json_cannot_hold_and_what_no_longer_fits_are_named() -> None:
    with pytest.raises(InvalidResult, match="cannot be kept"):
        unannotated_result.result.dump(object())
    with pytest.raises(InvalidResult, match=r"return\.a\.1\.x"):
        typed_result.result.load('{"a": [1, {"x": "no"}]}')


def test_a_result_of_another_type_is_kept_rather_than_lost() -> None:
    assert backup.result.dump("seven") == '"seven"'


# -- bad definitions ---------------------------------------------------------------------------------------------------


class Session:
    """Something that belongs to one process."""


def bad(function: Callable[..., Any]) -> dict[str, str]:
    """Problems of a definition by parameter, each with this file and the line of the definition."""
    found: Task[..., Any] = task(function)
    told = {}
    for problem in found.problems():
        where, _, rest = problem.where.partition(" ")
        assert where == f"{__file__}:{function.__code__.co_firstlineno}"
        told[rest.partition("(")[2].rstrip(")")] = str(problem)
    with pytest.raises(DefinitionError):
        _ = found.params
    return told


@pytest.mark.scenario("D9")
def test_parameters_without_annotation_are_told_each() -> None:
    def unannotated(a, b: int, c=3):
        pass

    told = bad(unannotated)
    assert set(told) == {"a", "c"}
    assert "has no annotation" in told["a"]


@pytest.mark.scenario("D3")
def test_a_default_that_does_not_fit_is_told_with_its_path() -> None:
    def wrong(a: int = "x", b: list[int] = [1, "y"], c: Address = {"number": "z"}, d: int = 1) -> None:  # noqa: B006
        pass

    told = bad(wrong)
    assert set(told) == {"a", "b.1", "c.street", "c.number"}
    assert "the default is wrong" in told["a"] and "'x'" in told["a"]


def test_all_mistakes_of_a_signature_are_told_at_once() -> None:
    def many(
        session: Session,
        /,
        a,
        _hidden: int,
        *rest: int,
        b: "Nowhere",  # noqa: F821
        c: Callable[[], int],
        d: int = "x",
        **more: int,
    ) -> Session:
        raise NotImplementedError

    told = bad(many)
    assert set(told) == {"session", "a", "_hidden", "rest", "b", "c", "d", "more", "return"}
    assert "positional-only" in told["session"]
    assert "name 'Nowhere' is not defined" in told["b"] and "at module level" in told["b"]
    assert "no JSON form" in told["c"]
    assert "Session" in told["return"] and "an id instead" in told["return"]


def test_defaults_that_json_cannot_hold_are_told() -> None:
    def wrong(a: Any = object(), b: int = Field(default=1, ge=0)) -> None:  # noqa: B008
        pass

    told = bad(wrong)
    assert "cannot be stored as JSON" in told["a"]
    assert "Annotated[type, Field(…)] = value" in told["b"]


def test_a_misplaced_context_is_told() -> None:
    def second(a: int, ctx: Context) -> None: ...
    def optional(ctx: Context | None = None) -> None: ...
    def by_keyword(*, ctx: Context) -> None: ...

    for function in (second, optional, by_keyword):
        assert "the context comes first" in bad(function)["ctx"]


def test_a_method_is_told_to_be_a_function() -> None:
    class Shop:
        def sell(self, count: int) -> None: ...

    assert "a method cannot be a task" in bad(Shop.sell)["self"]


def test_a_type_whose_hooks_raise_is_a_problem_not_a_crash() -> None:
    class Moody:
        @classmethod
        def __get_pydantic_core_schema__(cls, *_: object) -> Any:
            raise RuntimeError("not today")

    def moody(a: Moody, b: int) -> None: ...

    told = bad(moody)
    assert set(told) == {"a"} and "not today" in told["a"]


def test_threads_may_use_a_task_for_the_first_time_together() -> None:
    @task
    def shared(x: int = 1) -> int: ...

    found: list[str] = []
    start = threading.Barrier(8)

    def use() -> None:
        start.wait()
        found.append(shared.params.dump((), {}))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ['{"x":1}'] * 8
