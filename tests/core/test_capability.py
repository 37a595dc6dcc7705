"""What a task may require: one grammar, versions by number, and a remedy for each that fails."""

from itertools import pairwise

import pytest

from mainspring import task
from mainspring.core.capability import Facts, parse_requirement, unmet, version_key
from mainspring.core.errors import ConfigurationError

FACTS = Facts(engine="1.10.0", schema=7, python="3.11.4", backend="sqlite", platform="linux", has_module=lambda name: name == "json")


@pytest.mark.parametrize(
    "text",
    [
        "engine>=1.2", "engine >= 1.10", "engine>1.9", "engine<2", "engine<=1.10", "engine==1.10.0", "engine=1.10", "engine!=1.1",
        "schema>=7", "schema>=3", "python>=3.11", "python<3.12", "backend=sqlite", "backend!=postgres", "platform==linux", "module:json",
        "engine>=1 else never mind",
    ],
)  # fmt: skip
def test_what_holds(text: str) -> None:
    assert unmet([text], FACTS) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("engine>=1.11", "needs engine >= 1.11, this is 1.10.0; install it with pip install 'mainspring>=1.11'"),
        ("engine>=2 else use a schedule", "needs engine >= 2, this is 1.10.0; use a schedule"),
        ("schema>=8", "run 'mainspring migrate'"),
        ("backend=postgres", "needs backend postgres, this is sqlite; point MAINSPRING_URL at such a store"),
        ("platform=windows", "start a worker on windows"),
        ("backend!=sqlite", "needs backend != sqlite, this is sqlite; point MAINSPRING_URL at another store"),
        ("platform!=linux", "start a worker on another platform"),
        ("module:numpy", "needs the module numpy, it cannot be imported here; install what brings numpy"),
        ("python>=3.12", "start a node with that Python"),
    ],
)
def test_what_fails_says_what_to_do(text: str, told: str) -> None:
    (said,) = unmet([text], FACTS)
    assert told in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("engine", "is not understood: write engine>=1.2"),
        ("engine~=1.2", "is not understood"),
        ("engine>=new", "'new' is no version"),
        ("backend>=sqlite", "backend has no order"),
        ("backend=oracle", "backend is one of sqlite, postgres"),
        ("kernel>=6", "'kernel' is unknown, known are engine, schema, python, backend, platform, module:"),
        ("module:not-a-name", "is not understood"),
        ("module:", "is not understood"),
    ],
)
def test_what_is_no_requirement_is_a_problem_of_the_definition(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match="requires="):
        parse_requirement(text)

    @task(requires=("schema>=1", text))
    def needs() -> None: ...

    (problem,) = needs.problems()
    assert told in problem.what
    assert problem.where.startswith(f"{__file__}:")


@pytest.mark.scenario("S0-30")
def test_versions_are_compared_by_number() -> None:
    in_order = ["0.9", "1.0rc1", "1", "1.0.1", "1.2", "1.9.9", "1.10", "2.0b1", "2"]
    assert all(version_key(lower) < version_key(higher) for lower, higher in pairwise(in_order))
    assert version_key("1.2") == version_key("1.2.0")
