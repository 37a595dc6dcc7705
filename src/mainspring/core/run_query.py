"""What people write into the search field of runs: ``task:backup status:failed,timeout dur:>30s``. Pure.

A word with a colon is a qualifier, a word without one is looked for in the names of tasks; a value with blanks stands in quotes. What is
not understood is a problem and never silently left out: a list that is not what was asked for is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from mainspring.core.duration import parse_duration
from mainspring.core.errors import ConfigurationError
from mainspring.core.policy import Priority
from mainspring.core.state import RunState

LOST = "lost"  # beside the states: runs that failed because their node or executor went down
STATES = (*(str(state) for state in RunState), LOST)
ORIGINS = ("api", "cli", "web", "http", "schedule", "task", "retry", "service", "manual", "pulse")
QUALIFIERS = (
    "task", "status", "args.", "tag", "label", "error", "queue", "node", "key", "user", "origin", "schedule", "after", "before", "dur",
    "priority", "reason", "tenant",
)  # fmt: skip
_OTHER_NAMES = {
    "state": "status", "since": "after", "until": "before", "worker": "node", "actor": "user", "duration": "dur", "name": "task",
}  # fmt: skip
_OTHER_STATES = {
    "queued": "pending", "scheduled": "pending", "waiting": "pending", "succeeded": "completed", "success": "completed", "ok": "completed",
    "error": "failed", "timed-out": "timeout", "canceled": "cancelled", "started": "running",
}  # fmt: skip
MANY = ("task", "status", "tag", "error", "node")  # of which any will do: values between commas, or the qualifier again
LONGEST = 1000  # characters
_TOKEN = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_AGO = re.compile(r"^-?\s*(\d.*)$")


@dataclass(frozen=True, slots=True)
class QueryProblem:
    """What is not understood: ``code`` (unknown, empty, state, time, duration, twice, priority, long), where, and what is meant perhaps."""

    code: str
    token: str
    near: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """The problem in English, for callers that are programs."""
        hint = f", did you mean {' or '.join(self.near)}?" if self.near else ""
        return _WHAT[self.code] + hint


_WHAT = {
    "unknown": "is no qualifier: known are " + ", ".join(QUALIFIERS),
    "empty": "has no value: write it behind the colon, in quotes if it has blanks",
    "state": "is no status: known are " + ", ".join(STATES),
    "time": "is no time: write -2h, 7d, 2026-05-01 or 2026-05-01T08:30+02:00",
    "duration": "is no duration: write >30s, <5m or 1h",
    "twice": "stands there twice with different values, and a run has only one",
    "priority": "is no priority: known are " + ", ".join(each.name.lower() for each in Priority),
    "long": f"is longer than {LONGEST} characters",
}


@dataclass(frozen=True, slots=True)
class RunQuery:
    """What was asked for, as it is written; names are not looked up yet. None or nothing: not asked for."""

    states: tuple[RunState, ...] | None = None
    is_lost: bool = False
    tasks: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    args: tuple[tuple[str, str], ...] = ()
    errors: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    label: str | None = None
    queue: str | None = None
    key: str | None = None
    user: str | None = None
    origin: str | None = None
    schedule: str | None = None
    tenant: str | None = None
    reason: str | None = None
    priority: Priority | None = None
    since: datetime | None = None
    until: datetime | None = None
    longer: timedelta | None = None
    shorter: timedelta | None = None
    problems: tuple[QueryProblem, ...] = ()


@dataclass
class _Draft:
    values: dict[str, object] = field(default_factory=dict)
    many: dict[str, list[object]] = field(default_factory=dict)
    problems: list[QueryProblem] = field(default_factory=list)

    def put(self, name: str, value: object, token: str) -> None:
        if self.values.setdefault(name, value) != value:
            self.problems.append(QueryProblem("twice", token))

    def add(self, name: str, value: object) -> None:
        held = self.many.setdefault(name, [])
        if value not in held:
            held.append(value)


def parse(text: str, now: datetime) -> RunQuery:
    """Return what a search field asks for, with everything in it that is not understood. Whiles such as ``-2h`` count back from ``now``."""
    if len(text) > LONGEST:
        return RunQuery(problems=(QueryProblem("long", text[:20] + "…"),))
    draft = _Draft()
    for token in tokens(text):
        _read(draft, token, now)
    states = draft.many.pop("states", None)
    made: dict[str, object] = {**draft.values, **{name: tuple(values) for name, values in draft.many.items()}}
    if states is not None:
        made |= {"states": tuple(each for each in states if each != LOST) or None, "is_lost": LOST in states}
    return RunQuery(**made, problems=tuple(draft.problems))  # type: ignore[arg-type]  # each name was put with its own type


def _read(draft: _Draft, token: str, now: datetime) -> None:
    name, colon, value = _split(token)
    if not colon:
        draft.add("words", value)
        return
    if not value:
        draft.problems.append(QueryProblem("empty", token))
    elif name.startswith("args.") and len(name) > 5:
        draft.add("args", (name[5:], value))
    elif name == "status":
        for each in _parts(value):
            word = _OTHER_STATES.get(each.lower(), each.lower())
            if word in STATES:
                draft.add("states", word if word == LOST else RunState(word))
            else:
                draft.problems.append(QueryProblem("state", each, tuple(get_close_matches(each, [*STATES, *_OTHER_STATES], n=1))))
    elif name in MANY:
        for each in _parts(value):
            draft.add(f"{name}s", each)
    elif name in ("after", "before"):
        if (at := _moment(value, now)) is None:
            draft.problems.append(QueryProblem("time", token))
        else:
            draft.put("since" if name == "after" else "until", at, token)
    elif name == "dur":
        _read_duration(draft, token, value)
    elif name == "priority":
        found = Priority.__members__.get(value.upper())
        if found is None:
            draft.problems.append(QueryProblem("priority", token, tuple(get_close_matches(value, [e.name.lower() for e in Priority], n=1))))
        else:
            draft.put("priority", found, token)
    elif name in QUALIFIERS:
        draft.put(name, value, token)
    else:
        near = get_close_matches(name, [each for each in QUALIFIERS if each != "args."] + list(_OTHER_NAMES), n=1)
        draft.problems.append(QueryProblem("unknown", token, tuple(f"{each}:" for each in near)))


def _read_duration(draft: _Draft, token: str, value: str) -> None:
    is_less = value.startswith("<")
    try:
        span = parse_duration(value.lstrip("<>="), "dur")
    except ConfigurationError:
        draft.problems.append(QueryProblem("duration", token))
        return
    draft.put("shorter" if is_less else "longer", span, token)


def _moment(value: str, now: datetime) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        ago = _AGO.match(value)
        try:
            return None if ago is None else now - parse_duration(ago[1], "after")
        except (ConfigurationError, OverflowError):
            return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def tokens(text: str) -> list[str]:
    """Return the words of a search field as they are written."""
    return _TOKEN.findall(text)


def _split(token: str) -> tuple[str, str, str]:
    name, colon, value = token.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z]+(\..+)?", name):
        return "", "", token.replace('"', "")
    word = name if name.lower().startswith("args.") else _OTHER_NAMES.get(name.lower(), name.lower())
    return (f"args.{word[5:]}" if word.lower().startswith("args.") else word), colon, value.replace('"', "")


def _parts(value: str) -> list[str]:
    return [each.strip() for each in value.split(",") if each.strip()]


# -- writing


def quoted(value: str) -> str:
    """Return a value as it is written behind a colon."""
    bare = value.replace('"', "")
    return f'"{bare}"' if re.search(r"\s", bare) else bare


def with_qualifier(text: str, name: str, value: str | None) -> str:
    """Return a search with one qualifier set anew, or left out: what chips and facets link to."""
    kept = [token for token in tokens(text) if _split(token)[0] != name]
    if value:
        kept.append(f"{name}:{quoted(value)}")
    return " ".join(kept)


def value_of(text: str, name: str) -> str | None:
    """Return the value of a qualifier in a search, if it stands there."""
    return next((value for each, colon, value in map(_split, tokens(text)) if colon and each == name), None)


def suggest(text: str, known: Mapping[str, Sequence[str]], n: int = 12) -> list[str]:
    """Return whole searches that a search may become: its last word completed. ``known`` are the values of each qualifier."""
    head, _, last = text.rpartition(" ") if text and not text.endswith(" ") else (text.rstrip(), "", "")
    name, colon, value = _split(last)
    found: Iterable[str]
    if colon and not name.startswith("args."):
        before, comma, part = value.rpartition(",")
        found = (f"{name}:{quoted(before + comma + each)}" for each in known.get(name, ()) if part.lower() in each.lower() and each != part)
    else:
        words = [each if each == "args." else f"{each}:" for each in QUALIFIERS if each != "args."]
        words += [f"args.{each}:" for each in known.get("args.", ())]
        found = (each for each in words if each.startswith(last.lower()) and each != last)
    start = f"{head} " if head else ""
    return [start + each for each in found][:n]
