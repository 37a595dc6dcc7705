"""``mainspring`` without arguments."""

from __future__ import annotations

import signal

import pytest

from tests.faces.conftest import Cli


@pytest.mark.scenario("U4", part="cli")
def test_without_a_terminal_it_shows_how_it_is_used(cli: Cli) -> None:
    process = cli.start()
    assert process.end() == 2
    assert "Usage: mainspring" in process.said
    assert "enqueue" in process.said


@pytest.mark.scenario("U4", part="cli")
def test_on_a_terminal_it_asks_for_a_task_and_its_parameters(cli: Cli) -> None:
    process = cli.start(terminal=True)
    process.expect("Which task")
    assert "Add numbers" in process.said
    assert " old " not in process.said  # disabled
    process.type("99\n")
    process.expect("There is no such task.")
    process.type("shapes\n")
    process.expect("box, JSON object")
    process.type("{\n")
    process.expect("is no JSON")
    process.type('{"width": 0, "depth": 1}\n')
    process.expect("input should be greater than or equal to 1")
    process.expect("box, JSON object", times=3)
    process.type('{"width": 4}\n')
    for asked, answer in (("colours", "green"), ("Choose one of red, blue", "red"), ("another", ""), ("sizes", ""), ("mode", "stretch"),
                          ("Choose one of fit, fill", "fill"), ("scale, number, > 0, ≤ 10", "99"),
                          ("less than or equal to 10", "2"), ("dry run", "y"), ("note", '""'), ("price", ""), ("level", "2")):  # fmt: skip
        process.expect(asked)
        process.type(answer + "\n")
    assert process.end() == 0
    assert '"width": 4' in process.said
    (run,) = cli.objects("runs")
    shown = cli.object("runs", "show", run["id"])
    assert shown["params"] == {
        "box": {"width": 4, "height": 1}, "colours": ["red"], "sizes": [1], "mode": "fill", "scale": 2.0, "dry_run": True,
        "note": "", "price": "1.50", "level": 2,
    }  # fmt: skip


@pytest.mark.scenario("U4", part="cli")
def test_what_only_fits_together_is_asked_again(project: Cli) -> None:
    (project.cwd / "tasks.py").write_text(
        "from typing import Annotated\nfrom pydantic import BaseModel, model_validator\nfrom mainspring import task\n"
        "class Span(BaseModel):\n    low: int\n    high: int\n"
        "    @model_validator(mode='after')\n    def order(self) -> 'Span':\n"
        "        if self.high < self.low:\n            raise ValueError('high is below low')\n        return self\n"
        "@task\nasync def measure(span: Span, names: list[str] = [], n: int = 1) -> str:\n"
        "    return f'{span.high - span.low} {names} {n}'\n"
    )
    process = project.start(terminal=True)
    process.expect("Which task")
    process.type("mea\n")  # a beginning that only one task has
    process.expect("span, JSON object")
    process.type('{"low": 3, "high": 1}\n')
    process.expect("high is below low")
    process.expect("span, JSON object", times=2)
    process.type('{"low": 3, "high": 10}\n')
    process.expect("names")
    process.type("a\n")
    for name in ("b", ""):
        process.expect("another (nothing ends the list)", times=1 if name else 2)
        process.type(f"{name}\n")
    process.expect("n, integer")
    process.type("x\n")
    process.expect("n, integer", times=2)
    process.type("\n")
    assert process.end() == 0, process.said
    assert "7 ['a', 'b'] 1" in process.said


@pytest.mark.scenario("U4", part="cli")
def test_the_picker_warns_of_danger_and_can_be_left(cli: Cli) -> None:
    process = cli.start(terminal=True)
    process.expect("Which task")
    process.type("wipe\n")
    process.expect("path")
    process.type("\n")
    process.expect("Everything in it is lost.")
    process.type("n\n")
    assert process.end() == 2
    left = cli.start(terminal=True)
    left.expect("Which task")
    # Again and again, for readline looks for signals only while it waits; the last one may meet Python on its way out.
    assert left.insist(signal.SIGINT) != 0
    assert cli("runs").stdout == ""


@pytest.mark.scenario("B-23")
def test_a_terminal_has_list_detail_form_run_and_follow_and_runs_once(cli: Cli) -> None:
    process = cli.start(terminal=True)
    process.expect("Which task")
    assert "Add numbers" in process.said and "Wipe" in process.said  # the list
    process.type("/numbers\n")
    process.expect("Add numbers", times=2)
    process.type("/no such thing\n")
    process.expect("There is no such task.")
    process.type("?add\n")  # the detail, with its parameters
    process.expect("The second may be left out.")
    process.expect("--b")
    process.expect("Which task", times=4)
    process.type("add\n")
    process.expect("a, integer")
    for key in ("q", "?", "/"):  # keys of the list are no keys here: they are values, and wrong ones
        process.type(f"{key}\n")
        process.expect("should be a valid integer", times=("q", "?", "/").index(key) + 1)
    process.type("40\n")
    process.expect("b, integer")
    process.type("\n")
    assert process.end() == 0, process.said
    assert "adding 40 and 2" in process.said and "42" in process.said  # followed, to its result
    (run,) = cli.objects("runs")  # once
    assert (run["task"], run["state"]) == ("add", "completed")


@pytest.mark.scenario("B-23")
def test_a_text_may_be_a_key_and_the_list_is_left_by_one(cli: Cli) -> None:
    process = cli.start(terminal=True)
    process.expect("Which task")
    process.type("wipe\n")
    process.expect("path")
    process.type("q\n")
    process.expect("Everything in it is lost.")
    process.type("y\n")
    assert process.end() == 0, process.said
    (run,) = cli.objects("runs")
    assert cli.object("runs", "show", run["id"])["params"] == {"path": "q"}
    left = cli.start(terminal=True)
    left.expect("Which task")
    left.type("q\n")
    assert left.end() == 0
    assert len(cli.objects("runs")) == 1
