"""Verbs about limits: what a queue, a task or a key may do at once and in a time, while everything runs."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from mainspring.app import Mainspring
from mainspring.core.access import Verb
from mainspring.core.errors import ConfigurationError
from mainspring.core.limit import NODE_KEY, Maximum, check_key, parse_rate
from mainspring.operations.operation import Caller, Request, View, operation
from mainspring.store.limits import LimitState


class LimitView(View):
    """What a key allows and does. ``source`` says who has the last word; ``running`` and ``waiting`` are counted up to 10,000."""

    key: str
    concurrency: int | None
    rate: str | None
    burst: int | None
    source: Literal["operator", "code"] | None
    code_concurrency: int | None
    code_rate: str | None
    running: int
    waiting: int
    changed_at: datetime
    changed_by: str | None
    reason: str | None


class LimitPage(View):
    """Limits, sorted by key; ``next`` is where the following page begins."""

    items: list[LimitView]
    next: str | None


class LimitChanged(View):
    """What became of a limit; ``has_changed`` is False where nothing was set."""

    key: str
    concurrency: int | None
    rate: str | None
    burst: int | None
    has_changed: bool


class LimitsRequest(Request):
    """Which limits."""

    after: str = Field("", description="only keys past this one: the next page")
    limit: int = Field(100, ge=1, le=1000, description="how many at most")


class SetRequest(Request):
    """What a key is to allow. What is left out stays what the code says."""

    key: str = Field(min_length=1, description="queue:NAME, task:NAME, each:TASK, key:TENANT:TEXT, or node")
    concurrency: int | None = Field(None, ge=1, le=100_000, description="how many run at once in the whole fleet; node: on each node")
    rate: str | None = Field(None, description="how many start in a time, as 10/s, 100/m or 5/10s")
    burst: int | None = Field(None, ge=1, le=100_000, description="how many may start at once after a quiet while; 1 unless given")
    is_unlimited: bool = Field(False, description="allow everything, whatever the code says")
    reason: str | None = Field(None, description="why; kept with the limit and in the audit trail")


class ClearRequest(Request):
    """Which limit is to be again what the code says."""

    key: str = Field(min_length=1, description="queue:NAME, task:NAME, each:TASK, key:TENANT:TEXT, or node")
    reason: str | None = Field(None, description="why; kept with the limit and in the audit trail")


def limit_view(state: LimitState) -> LimitView:
    """Return a limit as plain values."""
    most, code = state.maximum, state.code
    return LimitView(
        key=state.key,
        concurrency=most.concurrency,
        rate=None if most.rate is None else str(most.rate),
        burst=None if most.rate is None else most.rate.burst,
        source="operator" if state.override else "code" if code is not None else None,
        code_concurrency=None if code is None else code.concurrency,
        code_rate=None if code is None or code.rate is None else str(code.rate),
        running=state.running,
        waiting=state.waiting,
        changed_at=state.changed_at,
        changed_by=state.changed_by,
        reason=state.reason,
    )


def _fields(request: SetRequest) -> dict[str, int | None]:
    """Return what is to be set; raises `ConfigurationError` for what makes no sense together."""
    if request.is_unlimited:
        if request.concurrency is not None or request.rate is not None or request.burst is not None:
            raise ConfigurationError("is_unlimited excludes concurrency, rate and burst: give one or the other")
        return Maximum().fields()
    if request.concurrency is None and request.rate is None:
        raise ConfigurationError(f"nothing is set for {request.key}: give concurrency, rate or is_unlimited")
    if request.burst is not None and request.rate is None:
        raise ConfigurationError(f"burst={request.burst} says nothing without a rate: give both")
    fields: dict[str, int | None] = {} if request.concurrency is None else {"concurrency": request.concurrency}
    if request.rate is not None:
        rate = Maximum(None, parse_rate(request.rate, burst=request.burst)).fields()
        fields |= {name: value for name, value in rate.items() if name != "concurrency"}
    return fields


async def _changed(app: Mainspring, key: str, *, has_changed: bool) -> LimitChanged:
    await app.limits_changed(key)
    found = await (await app.store()).limits.list(key=key, n=1)
    most = found[0].maximum if found else Maximum()
    rate = most.rate
    return LimitChanged(
        key=key, concurrency=most.concurrency, rate=None if rate is None else str(rate), burst=None if rate is None else rate.burst,
        has_changed=has_changed,
    )  # fmt: skip


@operation("limits.list", of_host=True)
async def list_limits(app: Mainspring, request: LimitsRequest, caller: Caller) -> LimitPage:
    """List the limits with what runs and what waits under each."""
    found = await (await app.store()).limits.list(after=request.after, n=request.limit + 1)
    page = found[: request.limit]
    return LimitPage(items=[limit_view(each) for each in page], next=page[-1].key if len(found) > request.limit else None)


@operation("limits.set", changes="limit:{key}", dangerous=True, needs=Verb.CONTROL_QUEUES)
async def set_limit(app: Mainspring, request: SetRequest, caller: Caller) -> LimitChanged:
    """Set a limit while everything runs: what runs goes on, and nothing more starts until there is room."""
    key, fields = check_key(request.key), _fields(request)
    if key == NODE_KEY and (request.rate is not None or request.is_unlimited):
        raise ConfigurationError("a node has slots only: give concurrency, or clear it to go by the settings of each node")
    await (await app.store()).limits.set(key, fields, actor=caller.actor, reason=request.reason)
    return await _changed(app, key, has_changed=True)


@operation("limits.clear", changes="limit:{key}", needs=Verb.CONTROL_QUEUES)
async def clear_limit(app: Mainspring, request: ClearRequest, caller: Caller) -> LimitChanged:
    """Take back what was set: what the code says counts again, and what waited for nothing else goes at once."""
    key = check_key(request.key)
    has_changed = await (await app.store()).limits.clear(key, actor=caller.actor, reason=request.reason)
    return await _changed(app, key, has_changed=has_changed)
