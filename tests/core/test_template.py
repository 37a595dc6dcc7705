"""Key templates: parsed once, checked against the signature, filled in from parameters."""

from __future__ import annotations

import pytest

from mainspring import Limit, task
from mainspring.core.errors import ConfigurationError
from mainspring.core.template import parse_template


def test_a_template_is_filled_with_texts_as_they_are_and_the_rest_as_json() -> None:
    template = parse_template("{a}/{b}/{c.d}/{c.e.1}/{f}", "key")
    assert template.parameters == ("a", "b", "c", "f")
    assert template.fill({"a": "x y", "b": 3, "c": {"d": True, "e": [1, "zwölf"]}, "f": None}) == "x y/3/true/zwölf/null"


def test_braces_that_are_meant_are_doubled() -> None:
    assert parse_template("{{a}}{a}", "key").fill({"a": 1}) == "{a}1"


@pytest.mark.parametrize("text", ["", "{", "{}", "{0}", "{a!r}", "{a:>3}", "{a[0]}", "{a.}", 7])
def test_what_is_no_template_is_refused_by_name(text: object) -> None:
    with pytest.raises(ConfigurationError, match="dedupe"):
        parse_template(text, "dedupe")


def test_a_field_that_leads_nowhere_and_a_key_too_long_are_told() -> None:
    with pytest.raises(ConfigurationError, match=r"asks for a\.b"):
        parse_template("{a.b}", "key").fill({"a": {}})
    with pytest.raises(ConfigurationError, match="501 characters"):
        parse_template("{a}", "key").fill({"a": "x" * 501})


def test_a_template_is_checked_against_the_signature_at_start() -> None:
    @task(dedupe="repo:{urll}", limit=Limit("tenant:{who}", concurrency=2))
    def clone(url: str) -> None: ...

    first, second = clone.problems()
    assert "dedupe" in first.what
    assert "'urll'" in first.what
    assert "the task has url" in first.what
    assert "limit" in second.what
    assert "'who'" in second.what
