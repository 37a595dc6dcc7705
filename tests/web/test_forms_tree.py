"""Forms by themselves: what is shown is what is sent back, whatever the schema."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from mainspring import Mainspring
from mainspring.core.errors import Problem
from mainspring.core.form import FormField, fields_of
from mainspring.web.forms import act, attach, blank_row, build, grouped, posted, read
from mainspring.web.forms.carry import NO_ZONE
from mainspring.web.site import Site
from tests.web.browse import Form
from tests.web.shop import every

PAGE = """{% import "macros/form.html" as forms with context %}<form id="form" action="/x">{{ forms.fields(groups) }}</form>"""


@lru_cache(maxsize=1)
def site() -> Site:
    return Site(Mainspring("sqlite://"))


def drawn(fields: list[Any]) -> str:
    """Return the HTML of controls."""
    from mainspring.web import site as rooms

    request = Request({"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"", "root_path": ""})
    token = rooms._PAGE.set(rooms.page_of(request))
    try:
        return site().templates.from_string(PAGE).render(
            groups=grouped(fields), zones=lambda zone: list(dict.fromkeys(("UTC", NO_ZONE, zone))), utc_of=lambda field: "",
            loop_number=lambda field, row: 1, blank_row=blank_row,
        )  # fmt: skip
    finally:
        rooms._PAGE.reset(token)


def back(specs: tuple[FormField, ...], values: dict[str, Any], zone: str = "UTC", **changed: str) -> tuple[dict[str, Any], list[Problem]]:
    """Show values, and read what a browser sends that has changed nothing (or ``changed``)."""
    data: dict[str, list[str]] = {}
    for name, value in Form(drawn(build(specs, values, zone=zone))).sent(**changed):
        data.setdefault(name, []).append(value)
    return read(posted(specs, data, zone=zone))


FULL = {
    "name": "x", "number": 7, "kind": "tar", "maybe": "", "targets": [
        {"host": "a", "port": 1, "tags": [], "is_new": False}, {"host": "b\nc", "port": 2, "tags": ["x", ""], "is_new": True},
    ], "payment": {"kind": "transfer", "iban": "DE00", "is_urgent": True}, "point": {"x": 1, "y": None}, "note": "\n two\r\nlines\x01",
    "label": "",
    "colour": "blue", "colours": ["blue", "red"], "sizes": ["zażółć", "a, b"], "level": 6, "size": 5, "jobs": 32, "ratio": 0.1,
    "price": "1.10", "dry_run": True, "sure": False, "day": "2026-05-01", "at": "2026-05-01T08:30:00.123456Z", "hour": "23:59:59",
    "wait": "PT90S",
    "id": "5f0c3a4e-9c40-4f2a-9a53-5d0b1e8f7a11", "path": "/var/x", "words": ["", " a ", "zażółć"], "numbers": [],
    "labels": {"": "", "a": "b"},
    "env": [{"name": "A", "value": ""}], "extra": {"deep": [1, {"x": None}]}, "odd": "text", "database": "people", "password": "env:KEY",
    "template": {"id": "5f0c3a4e-9c40-4f2a-9a53-5d0b1e8f7a11", "name": "a.csv", "size": 3, "media_type": "text/csv", "sha256": "0" * 64},
    "version": "v1",
}  # fmt: skip


@pytest.mark.scenario("S3-12", "S3-16", part="form")
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
def test_what_is_shown_comes_back_exactly(zone: str) -> None:
    found, problems = back(every.form(), FULL, zone)
    assert problems == []
    assert found == FULL


@pytest.mark.scenario("S3-12", part="form")
def test_defaults_are_prefilled_and_mean_what_an_empty_call_means() -> None:
    given = {"name": "", "number": 1, "kind": "sql", "maybe": None}
    found, problems = back(every.form(), given)
    assert problems == []
    assert json.loads(every.params.dump_json_text(json.dumps(found))) == json.loads(every.params.dump_json_text(json.dumps(given)))


def test_choices_that_are_numbers_come_back_as_numbers() -> None:
    found, _ = back(every.form(), {**FULL, "level": 1}, level="6", size="2")
    assert (found["level"], found["size"]) == (6, 2)


def test_nothing_typed_means_the_default_or_nothing_or_an_empty_text() -> None:
    found, _ = back(every.form(), FULL, jobs="", label="", note="", database="", wait="", odd="", **{"label[empty]": ""})
    assert "jobs" not in found and "database" not in found and "wait" not in found and "odd" not in found
    assert (found["note"], found["label"]) == ("", "")  # the box says that the empty text is meant
    shown = build(every.form(), {**FULL, "label": "usual", "day": "2026-05-01"})
    data = {name: [value] for name, value in Form(drawn(shown)).sent(label="", day="")}
    values, _ = read(posted(every.form(), data))
    assert "label" not in values and values["day"] is None


def test_what_is_typed_wrongly_is_kept_and_told_by_those_who_check() -> None:
    form = Form(drawn(build(every.form(), FULL)))
    data = {name: [value] for name, value in form.sent(number="many", jobs="4.5", extra='{"a": 1,\n "b"}', day="soon")}
    fields = posted(every.form(), data)
    values, problems = read(fields)
    assert (values["number"], values["jobs"], values["day"]) == ("many", 4.5, "soon")
    [problem] = problems
    assert problem.where == "extra" and "line 2, column 5" in problem.what
    again = Form(drawn(fields))
    assert {"number": "many", "day": "soon"}.items() <= dict(again.sent()).items()
    assert again.ids["f-number"]["type"] == again.ids["f-day"]["type"] == "text"  # a number's own control would show nothing


def test_problems_find_their_controls() -> None:
    values = {**FULL, "targets": [{"host": "a"}, {"host": ""}], "labels": {"k": "v"}}
    fields = build(every.form(), values)
    faults = attach(fields, [
        Problem("targets.1.host", "too short"), Problem("payment.transfer.iban", "no such bank"), Problem("extra.deep", "too deep"),
        Problem("name", "is missing"), Problem("labels.k", "is odd"), Problem("nowhere", "what?"), Problem("*", "all of it"),
    ])  # fmt: skip
    assert [(each.id, each.label) for each in faults] == [
        ("f-name", "Name"), ("f-targets[1].host", "Targets 2: Host"), ("f-payment[1].iban", "Payment: Iban"), ("f-labels[0]", "Labels 1"),
        ("f-extra", "Extra"), (None, "nowhere"), (None, ""),
    ]  # fmt: skip
    form = Form(drawn(fields))
    for each in faults:
        assert each.id is None or each.id in form.ids
    assert form.ids["f-targets[1].host"]["aria-invalid"] == "true"
    assert "f-targets[1].host-e" in form.ids["f-targets[1].host"]["aria-describedby"].split()
    assert '<details class="section" open>' in drawn(fields)  # a section with a mistake in it is open


def test_rows_are_added_removed_and_moved_without_scripts() -> None:
    fields = build(every.form(), FULL)

    def press(button: str, name: str) -> list[str]:
        nonlocal fields
        data: dict[str, list[str]] = {}
        for key, value in Form(drawn(fields)).sent():
            data.setdefault(key, []).append(value)
        fields = posted(every.form(), {**data, button: [name]})
        focus = act(fields, {button: [name]})
        assert focus is not None and (focus in Form(drawn(fields)).ids or focus + "-k" in Form(drawn(fields)).ids)
        words: list[str] = read(fields)[0]["words"]
        return words

    assert press("_add", "words") == ["", " a ", "zażółć", ""]
    assert press("_remove", "words[0]") == [" a ", "zażółć", ""]
    assert press("_down", "words[1]") == ["zażółć", " a ", ""]
    assert press("_up", "words[3]") == ["zażółć", "", " a "]
    press("_add", "targets[1].tags")
    assert read(fields)[0]["targets"][1]["tags"] == ["x", "", ""]
    press("_add", "labels")
    assert act(fields, {}) is None


def test_a_time_that_no_clock_shows_is_said() -> None:
    form = Form(drawn(build(every.form(), FULL, zone="Europe/Berlin")))
    data = {name: [value] for name, value in form.sent(at="2026-03-29T02:30:00")}
    _, [problem] = read(posted(every.form(), data, zone="Europe/Berlin"))
    assert problem.where == "at" and "Europe/Berlin" in problem.what
    data["at"] = ["2026-03-29T03:30:00"]
    assert read(posted(every.form(), data, zone="Europe/Berlin"))[0]["at"] == "2026-03-29T03:30:00+02:00"
    data["at[zone]"] = [NO_ZONE]
    assert read(posted(every.form(), data))[0]["at"] == "2026-03-29T03:30:00"


@pytest.mark.scenario("S3-17", part="form")
def test_what_is_no_reference_is_never_shown_again() -> None:
    data = {name: [value] for name, value in Form(drawn(build(every.form(), FULL))).sent(password="hunter2-hunter2")}
    fields = posted(every.form(), data)
    assert read(fields)[0]["password"] == "hunter2-hunter2"  # refused by those who check, without being repeated
    assert "hunter2" not in drawn(fields)


def test_every_control_has_a_label_a_help_and_a_mark() -> None:
    html = drawn(build(every.form(), FULL))
    form = Form(html)
    labelled = {each.split('"')[0] for each in html.split('<label for="')[1:]}
    for each in form.controls:
        kind = each.attributes.get("type")
        if each.tag in ("input", "select", "textarea") and kind not in ("hidden", "radio", "checkbox"):
            assert each.attributes.get("id") in labelled or each.attributes.get("aria-label"), each
    assert "required" in form.ids["f-name"] and "required" not in form.ids["f-note"]
    assert form.ids["f-name"]["aria-describedby"] == "f-name-h"
    assert (form.ids["f-jobs"]["min"], form.ids["f-jobs"]["max"], form.ids["f-jobs"]["step"]) == ("1", "32", "1")


# -- any schema --------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAME = st.from_regex(r"[a-z][a-z0-9_ .\[\]%é]{0,6}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def _with_kind(value: dict[str, Any], kind: str) -> dict[str, Any]:
    return {**value, "kind": kind}


@st.composite
def schemas(draw: st.DrawFn, depth: int = 0) -> tuple[dict[str, Any], st.SearchStrategy[Any]]:
    """Draw a schema and what its values are."""
    kinds = ["text", "multiline", "integer", "number", "boolean", "enum", "enums", "date", "uuid", "any", "pairs"]
    kind = draw(st.sampled_from(kinds + (["list", "object", "null", "union"] if depth < 2 else [])))
    match kind:
        case "text" | "multiline":
            return {"type": "string", **({"x-ui": {"widget": "multiline"}} if kind == "multiline" else {})}, TEXT
        case "integer":
            return {"type": "integer"}, st.integers()
        case "number":
            return {"type": "number"}, st.floats(allow_nan=False, allow_infinity=False)
        case "boolean":
            return {"type": "boolean"}, st.booleans()
        case "enum":
            options = draw(st.lists(st.integers() | TEXT.filter(bool), min_size=1, max_size=6, unique_by=lambda each: str(each)))
            return {"enum": options}, st.sampled_from(options)
        case "enums":
            options = draw(st.lists(TEXT.filter(bool), min_size=1, max_size=4, unique=True))
            return {"type": "array", "items": {"enum": options}}, st.lists(st.sampled_from(options), max_size=4)
        case "date":
            return {"type": "string", "format": "date"}, st.dates().map(str)
        case "uuid":
            return {"type": "string", "format": "uuid"}, st.uuids().map(str)
        case "any":
            return {}, JSON
        case "pairs":
            return {"type": "object", "additionalProperties": {"type": "string"}}, st.dictionaries(TEXT, TEXT, max_size=3)
        case "list":
            schema, values = draw(schemas(depth + 1))
            return {"type": "array", "items": schema}, st.lists(values, max_size=3)
        case "null":
            schema, values = draw(schemas(2))
            return {"anyOf": [schema, {"type": "null"}]}, st.none() | values
        case "union":
            shapes = [draw(objects(depth + 1)) for _ in range(2)]
            for number, (schema, _) in enumerate(shapes):
                schema["properties"]["kind"] = {"const": f"k{number}"}
                schema["required"] = [*schema["required"], "kind"]
            made = [st.builds(_with_kind, values, st.just(f"k{number}")) for number, (_, values) in enumerate(shapes)]
            return {"oneOf": [schema for schema, _ in shapes]}, st.one_of(made)
        case _:
            return draw(objects(depth + 1))


@st.composite
def objects(draw: st.DrawFn, depth: int = 0) -> tuple[dict[str, Any], st.SearchStrategy[Any]]:
    """Draw the schema of an object, all of whose properties are required, and what its values are."""
    names = draw(st.lists(NAME.filter(lambda each: each != "kind"), min_size=1, max_size=4, unique=True))
    parts = {name: draw(schemas(depth)) for name in names}
    schema = {"type": "object", "properties": {name: part[0] for name, part in parts.items()}, "required": names}
    return schema, st.fixed_dictionaries({name: part[1] for name, part in parts.items()})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_whatever_the_schema_values_come_back(data: st.DataObject) -> None:
    schema, values = data.draw(objects())
    given_values = data.draw(values)
    found, problems = back(fields_of(schema), given_values)
    assert problems == []
    assert found == given_values
