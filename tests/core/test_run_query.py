"""The search field of runs: what is understood, what is not and is said, and that what is written is read again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.policy import Priority
from mainspring.core.run_query import LONGEST, QUALIFIERS, RunQuery, parse, quoted, suggest, value_of, with_qualifier
from mainspring.core.state import RunState

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.mark.scenario("S3-55", part="query")
def test_everything_that_can_be_asked_for() -> None:
    found = parse(
        'task:backup,prune status:failed,timeout args.tenant:42 args.city:"New York" tag:x label:"a b" error:ConnectionError queue:q '
        "node:w-1 key:k user:ada origin:schedule schedule:nightly tenant:acme priority:high reason:lost after:-2h before:2026-05-01 "
        "dur:>30s dur:<5m orders",
        NOW,
    )  # fmt: skip
    assert found == RunQuery(
        states=(RunState.FAILED, RunState.TIMEOUT), tasks=("backup", "prune"), words=("orders",), tags=("x",),
        args=(("tenant", "42"), ("city", "New York")), errors=("ConnectionError",), nodes=("w-1",), label="a b", queue="q", key="k",
        user="ada", origin="schedule", schedule="nightly", tenant="acme", reason="lost", priority=Priority.HIGH,
        since=NOW - timedelta(hours=2), until=datetime(2026, 5, 1, tzinfo=UTC), longer=timedelta(seconds=30), shorter=timedelta(minutes=5),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("state:queued", "states", (RunState.PENDING,)),
        ("status:ok status:Failed", "states", (RunState.COMPLETED, RunState.FAILED)),
        ("worker:w", "nodes", ("w",)),
        ("actor:run:0190", "user", "run:0190"),
        ("since:1d", "since", NOW - timedelta(days=1)),
        ("until:2026-05-01T08:30+02:00", "until", datetime(2026, 5, 1, 6, 30, tzinfo=UTC)),
        ("dur:90s", "longer", timedelta(seconds=90)),
        ("http://x", "words", None),
        ("args.Url:http://x", "args", (("Url", "http://x"),)),
        ('"task:x"', "words", ("task:x",)),
        ("12:30", "words", ("12:30",)),
    ],
)
def test_other_words_for_the_same(text: str, field: str, value: object) -> None:
    found = parse(text, NOW)
    if value is None:
        assert [each.code for each in found.problems] == ["unknown"]
    else:
        assert getattr(found, field) == value and found.problems == ()


def test_lost_is_beside_the_states() -> None:
    assert (parse("status:lost", NOW).states, parse("status:lost", NOW).is_lost) == (None, True)
    assert (parse("status:lost,failed", NOW).states, parse("status:lost,failed", NOW).is_lost) == ((RunState.FAILED,), True)


@pytest.mark.parametrize(
    ("text", "code", "token", "near"),
    [
        ("taks:x", "unknown", "taks:x", ("task:",)),
        ("colour:red", "unknown", "colour:red", ()),
        ("status:faild", "state", "faild", ("failed",)),
        ("status:", "empty", "status:", ()),
        ('label:""', "empty", 'label:""', ()),
        ("after:soon", "time", "after:soon", ()),
        ("after:999999999999d", "time", "after:999999999999d", ()),
        ("dur:>long", "duration", "dur:>long", ()),
        ("queue:a queue:b", "twice", "queue:b", ()),
        ("priority:hihg", "priority", "priority:hihg", ("high",)),
    ],
)
def test_what_is_not_understood_is_said(text: str, code: str, token: str, near: tuple[str, ...]) -> None:
    (problem,) = parse(text, NOW).problems
    assert (problem.code, problem.token, problem.near) == (code, token, near)
    assert problem.what and all(each in problem.what for each in near)


def test_a_search_is_bounded() -> None:
    assert [each.code for each in parse("x" * (LONGEST + 1), NOW).problems] == ["long"]
    assert parse("", NOW) == RunQuery()


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    parse(text, NOW)
    suggest(text, {"task": ["backup"]})


@given(
    st.sampled_from([each for each in QUALIFIERS if each in ("label", "queue", "key", "user", "tenant", "reason")]),
    st.text(st.characters(codec="utf-8", exclude_characters='"'), min_size=1, max_size=30).filter(lambda text: text == text.strip() != ""),
)
def test_what_is_written_is_read_again(name: str, value: str) -> None:
    text = with_qualifier("task:a,b words", name, value)
    assert getattr(parse(text, NOW), name) == value
    assert value_of(text, name) == value
    assert with_qualifier(text, name, None) == "task:a,b words"


def test_a_qualifier_is_set_anew_and_not_added() -> None:
    assert with_qualifier("status:failed task:a state:lost", "status", "completed") == "task:a status:completed"
    assert with_qualifier("status:failed", "status", None) == ""
    assert quoted("a b") == '"a b"'
    assert value_of("words", "status") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ta", ["task:", "tag:"]),
        ("task:ba", ["task:backup"]),
        ("queue:q task:", ["queue:q task:backup", "queue:q task:report"]),
        ("status:failed,time", ["status:failed,timeout"]),
        ("args.c", ["args.city:"]),
        ("task:backup", []),
    ],
)
def test_searches_are_completed(text: str, found: list[str]) -> None:
    known = {"task": ["backup", "report"], "status": ["failed", "timeout"], "args.": ["city"]}
    assert suggest(text, known) == found
    assert suggest("task:backup ", known)[0] == "task:backup task:"
