"""What runs somebody looks for, as the store takes it: conditions of a request and of its search field, with every name looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.duration import parse_duration
from mainspring.core.errors import ConfigurationError, Forbidden, InvalidParams, Problem
from mainspring.core.policy import Priority
from mainspring.core.run_filter import RunFilter
from mainspring.core.run_query import RunQuery, parse
from mainspring.core.state import RunState
from mainspring.operations.operation import Caller
from mainspring.store.store import Store

T = TypeVar("T")
MOST_ERRORS = 50  # groups that one word may mean, the latest first
UNKNOWN = "00000000-0000-0000-0000-000000000000"  # an id that nothing has


class Asked(Protocol):
    """The conditions of a request; see `mainspring.operations.runs.FilterRequest`."""

    @property
    def query(self) -> str | None: ...
    @property
    def state(self) -> Sequence[str] | None: ...
    @property
    def task(self) -> str | None: ...
    @property
    def queue(self) -> str | None: ...
    @property
    def label(self) -> str | None: ...
    @property
    def priority(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def schedule(self) -> str | None: ...
    @property
    def origin(self) -> str | None: ...
    @property
    def since(self) -> str | None: ...
    @property
    def until(self) -> str | None: ...
    @property
    def where(self) -> Sequence[str] | None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs: a filter, parameters that are marked for search, and fingerprints of errors of which a run has had one."""

    filter: RunFilter
    terms: tuple[tuple[str, str], ...] = ()
    errors: tuple[str, ...] | None = None


async def wanted_of(app: Mainspring, store: Store, request: Asked, caller: Caller) -> Wanted:
    """Return what a request asks for, by its own fields and by its search field; raises `InvalidParams` for what is not understood."""
    now = await store.database.now() if request.since or request.until else None
    states = [RunState(each) for each in request.state or () if each != "lost"]
    wanted = RunFilter(
        states=states or None, is_lost="lost" in (request.state or ()), task=request.task, queue=request.queue, label=request.label,
        reason=request.reason, origin=request.origin, priority=None if request.priority is None else Priority.parse(request.priority),
        schedule_id=None if request.schedule is None else (await store.schedules.get(request.schedule, caller.tenant)).id,
        since=_moment(request.since, "since", now), until=_moment(request.until, "until", now),
    )  # fmt: skip
    terms = tuple(_term(app, each, caller) for each in request.where or ())
    if not request.query or not request.query.strip():
        return Wanted(wanted, terms)
    query = await _parsed(store, request.query)
    return await _joined(app, store, wanted, terms, query, caller)


async def _parsed(store: Store, text: str) -> RunQuery:
    # Asking the database for its time costs as much as a page; it is needed only for whiles that are counted back.
    now = await store.database.now() if any(word in text for word in ("after:", "before:", "since:", "until:")) else datetime.now(UTC)
    query = parse(text, now)
    if query.problems:
        problems = [Problem("query", f"{each.token} {each.what}", each.token) for each in query.problems]
        raise InvalidParams("the search is not understood", problems)
    return query


async def _joined(
    app: Mainspring, store: Store, wanted: RunFilter, terms: tuple[tuple[str, str], ...], query: RunQuery, caller: Caller
) -> Wanted:  # fmt: skip
    nodes = errors = None
    if query.nodes:
        nodes = await store.run_lists.node_ids(query.nodes) or [UNKNOWN]
    if query.errors:
        groups = await store.run_lists.fingerprints(query.errors, MOST_ERRORS)
        errors = tuple(groups)
    schedule = wanted.schedule_id
    if query.schedule is not None:
        schedule = (await store.schedules.get(query.schedule, caller.tenant)).id
    states, is_lost = wanted.states, wanted.is_lost
    if query.states is not None or query.is_lost:
        states, is_lost = _both((states, is_lost), (query.states, query.is_lost))
    joined = replace(
        wanted, states=states, is_lost=is_lost, tasks=_tasks(app, query), nodes=nodes, schedule_id=schedule,
        queue=_one("queue", wanted.queue, query.queue), label=_one("label", wanted.label, query.label),
        origin=_one("origin", wanted.origin, query.origin), reason=_one("reason", wanted.reason, query.reason),
        priority=_one("priority", wanted.priority, query.priority), key=query.key, actor=query.user, tenant=query.tenant,
        since=max(filter(None, (wanted.since, query.since)), default=None),
        until=min(filter(None, (wanted.until, query.until)), default=None), longer=query.longer, shorter=query.shorter,
    )  # fmt: skip
    return Wanted(joined, (*terms, *(_term(app, f"{name}={value}", caller) for name, value in query.args)), errors)


def _both(
    one: tuple[Sequence[RunState] | None, bool], other: tuple[Sequence[RunState] | None, bool]
) -> tuple[Sequence[RunState] | None, bool]:  # fmt: skip
    """Return the states that both conditions let through."""
    if one == (None, False):
        return other
    common = [each for each in one[0] or () if each in (other[0] or ())]
    if common or (one[1] and other[1]):
        return common or None, one[1] and other[1]
    raise InvalidParams("no run can be in both", [Problem("query", "asks for other states than state= does", None)])


def _one(field: str, one: T | None, other: T | None) -> T | None:
    if one is not None and other is not None and one != other:
        raise InvalidParams("no run can be both", [Problem("query", f"asks for another {field} than {field}= does", str(other))])
    return one if one is not None else other


def _tasks(app: Mainspring, query: RunQuery) -> list[str] | None:
    """Return the names of the tasks that are meant by names, tags and words; None where nothing is said of tasks."""
    if not query.tasks and not query.tags and not query.words:
        return None
    named = set(query.tasks)
    for tag_or_word in (query.tags, query.words):
        if not tag_or_word:
            continue
        if tag_or_word is query.tags:
            found = {task.name for task in app.registry if set(task.spec.tags) & set(query.tags)}
        else:
            words = [each.lower() for each in query.words]
            found = {task.name for task in app.registry if all(word in f"{task.name} {task.spec.title}".lower() for word in words)}
        named = named & found if named or query.tasks else found
        if not named:
            return []
    return sorted(named)


def _moment(text: str | None, field: str, now: datetime | None) -> datetime | None:
    """Return the time that a person has written: so long ago, or a date or time of UTC or with its zone."""
    if text is None or now is None:
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return now - parse_duration(text, field)
        except ConfigurationError:
            what = "is neither a while such as 24h or 7d nor a date or time such as 2026-05-01 or 2026-05-01T08:30+02:00"
            raise InvalidParams("wrong time", [Problem(field, what, text)]) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _term(app: Mainspring, text: str, caller: Caller) -> tuple[str, str]:
    """Return name and value of a condition; raises `InvalidParams` where no task marks the parameter for search.

    Who may not see parameters may not ask for them either, which would tell them one by one: `Forbidden`.
    """
    if not caller.user.may(Verb.PAYLOAD):
        raise Forbidden(f"{caller.user.name!r} ({caller.user.role}) may not search by parameters: it needs {Verb.PAYLOAD}")
    name, has_value, value = text.partition("=")
    known = searched(app)
    if not has_value or name not in known:
        what = f"is no parameter for search, known are {', '.join(known) or 'none'}: mark it with Param(search=True)"
        problem = Problem(name, what) if has_value else Problem("where", "is to be written as name=value", text)
        raise InvalidParams("wrong condition", [problem])
    return name, value


def searched(app: Mainspring) -> list[str]:
    """Return the parameters that runs can be found by."""
    return sorted({each for task in app.registry for each in task.params.marks.searched})
