"""Masks: no way in which a secret is commonly written gets past, and what remains is still what it was."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.context import Context
from mainspring.core.run import CancelledByRequest, Completed, Failed, Lost, Outcome, Reason, Released, Skipped, TimedOut
from mainspring.core.secret import parse_secrets
from mainspring.engine.attempt import Body, perform_def, take_apart
from mainspring.engine.capture import LONGEST_LINE, Tape, Tapes
from mainspring.engine.mask import STARS, Mask
from mainspring.engine.means import Means
from tests.engine import parcels

VALUE = 'pa"ss\\wörd&1'
MASK = Mask([VALUE, "1234567"])
PEM = "-----BEGIN KEY-----\nMIIBOgIBAAJBAKj34GkxFhD9\nshort\n-----END KEY-----"


@pytest.mark.parametrize(
    "written",
    [
        VALUE, json.dumps(VALUE), json.dumps(VALUE, ensure_ascii=False), repr(VALUE), quote(VALUE, safe=""),
        base64.b64encode(VALUE.encode()).decode(), f"https://u:{quote(VALUE, safe='')}@host", f"x{VALUE}{VALUE}y",
    ],
)  # fmt: skip
def test_the_ways_to_write_it(written: str) -> None:
    assert MASK.has(f"before {written} after")
    text = MASK.text(f"before {written} after")
    assert STARS in text
    for part in ("wörd", "w\\u00f6rd", "w%C3%B6rd"):
        assert part not in text
    assert text.startswith("before ")
    assert text.endswith(" after")


def test_lines_of_a_long_one_count_and_its_frame_does_not() -> None:
    mask = Mask([PEM])
    assert mask.text(f"all: {PEM}.") == "all: ***."
    assert mask.text("line MIIBOgIBAAJBAKj34GkxFhD9") == "line ***"
    assert mask.text("-----BEGIN KEY-----") == "-----BEGIN KEY-----"
    assert mask.text("short") == "short"


def test_a_secret_that_is_cut_in_two_does_not_show_its_beginning() -> None:
    mask = Mask(["secret-value"])
    assert mask.cut("line secret-v") == "line ***"
    assert mask.cut("line secr") == "line ***"
    assert mask.cut("line sec") == "line sec"  # fewer characters than any secret has
    assert mask.cut("line secret-value") == "line ***"


def test_json_stays_json() -> None:
    assert MASK.json('{"n": 12345678}') == '{"n":12345678}'  # not a place where a number may be cut
    assert json.loads(MASK.json(json.dumps({VALUE: [VALUE, 1234567, 7, None, True, {"k": f"x{VALUE}"}]}))) == {
        STARS: [STARS, STARS, 7, None, True, {"k": "x***"}]
    }
    text = '{"a": 1}'
    assert MASK.json(text) is text


def test_outcomes() -> None:
    error = {"message": f"no {VALUE}", "traceback": f"…{VALUE}…", "causes": [{"message": VALUE}], "kind": "execution"}
    hidden = {"message": "no ***", "traceback": "…***…", "causes": [{"message": "***"}], "kind": "execution"}
    assert MASK.outcome(Failed(error, is_terminal=True, reason="r")) == Failed(hidden, is_terminal=True, reason="r")
    assert MASK.outcome(TimedOut(error)) == TimedOut(hidden)
    assert MASK.outcome(Lost(Reason.LOST, error, is_alone=True)) == Lost(Reason.LOST, hidden, is_alone=True)
    assert MASK.outcome(CancelledByRequest(error)) == CancelledByRequest(hidden)
    assert MASK.outcome(CancelledByRequest(None)) == CancelledByRequest(None)
    assert MASK.outcome(Skipped(VALUE)) == Skipped(STARS)
    assert MASK.outcome(Completed(json.dumps(VALUE))) == Completed('"***"')
    assert MASK.outcome(Completed(None)) == Completed(None)
    assert MASK.outcome(Released(Reason.SHUTDOWN)) == Released(Reason.SHUTDOWN)


@given(value=st.text(min_size=4, max_size=30).filter(lambda text: text.strip() == text and "*" not in text), around=st.text(max_size=20))
def test_whatever_it_is_and_stands_in(value: str, around: str) -> None:
    mask = Mask([value])
    assert value not in mask.text(around + value + around).replace(around, "") or value in around
    plain = json.loads(mask.json(json.dumps([around + value])))
    assert not mask.has(plain[0]) or mask.has(around)


# -- on a tape


def tape(mask: Mask) -> Tape:
    made = Tapes().open(1)
    made.mask = mask
    return made


@pytest.mark.scenario("S3-17", part="masked before anything leaves the executor")
def test_everything_on_a_tape_is_masked() -> None:
    spoken = tape(Mask(["secret-value"]))
    spoken.log("info", "log secret-value", {"secret-value": ["secret-value"]})
    spoken.write("stdout", "print sec")
    spoken.write("stdout", "ret-value\nsecret-")
    spoken.write("stdout", "value")
    spoken.write("stderr", "x" * (LONGEST_LINE - 6) + "secret-value\n")
    spoken.note("note secret-value")
    spoken.progress(1, 2, "progress secret-value", "secret-value")
    rows = spoken.close() or []
    assert [row[4] for row in rows if row[3] != "stderr"] == ["log ***", "print ***", "note ***", "***", "progress ***"]
    assert "secret" not in repr(rows)


def test_a_tape_without_secrets_says_what_it_was_told() -> None:
    spoken = Tapes().open(1)
    spoken.log("info", "log secret-value", None)
    assert (spoken.close() or [])[0][4] == "log secret-value"


@pytest.mark.scenario("S3-17", part="spans")
def test_what_a_span_is_told_is_masked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Traces leave the executor by a way of their own."""
    seen: list[Outcome] = []

    class Attempted:
        def ended(self, outcome: Outcome) -> None:
            seen.append(outcome)

    @contextmanager
    def attempting(noted: object, context: Context) -> Iterator[Attempted]:
        yield Attempted()

    monkeypatch.setattr("mainspring.engine.attempt.attempting", attempting)
    monkeypatch.setenv("TEST_TOKEN", "secret-value")
    means = Means(files=str(tmp_path), secrets=parse_secrets({"env": {"TEST_TOKEN": {"tasks": ["*"]}}}, "test"))
    body = take_apart(parcels.betray_def, means)
    assert isinstance(body, Body)
    spoken = Tapes(keeper=means).open(1)
    context = Context(run_id="r", task="betray_def", attempt=1, claim_id="c", queue="q", tenant="", sink=spoken)
    params = '{"login": {"user": "u", "password": "env:TEST_TOKEN"}, "how": "raise"}'
    outcome = perform_def(body, context, [params, {"trace": {}}])
    assert seen == [outcome]
    assert isinstance(outcome, Failed)
    assert outcome.error["message"] == "no ***"
    assert "secret-value" not in repr(outcome)
