"""Writes a definition and its three tests: happy path, one failure, the same twice. The tests pass as they are written.

Text only: whoever asks decides where it goes, and never over a file that is there. A definition stands in ``NAME_tasks.py``, where
discovery finds it, and ends in one function ``carry_out`` that the tests take the place of: that is what is to be filled in.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import fill

from mainspring.advisor.advise.checklist import Item
from mainspring.advisor.finding import Kind
from mainspring.core.errors import ConfigurationError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_WIDTH = 110


@dataclass(frozen=True, slots=True)
class Written:
    """A file to be: its name, below the folder that was asked for, and its text."""

    name: str
    text: str


def check_name(name: str) -> str:
    """Return a name that a function and a module can have; raises `ConfigurationError` for others."""
    plain = name.strip().replace("-", "_")
    if not _NAME.fullmatch(plain) or keyword.iskeyword(plain):
        raise ConfigurationError(
            f"NAME={name!r}: small letters, digits and underscores are needed, beginning with a letter, as send_invoice"
        )
    return plain


def scaffold(kind: Kind, name: str, items: Iterable[Item] = (), *, sentence: str = "", package: str = "") -> tuple[Written, Written]:
    """Return the module of a definition and the module of its tests.

    ``items`` are the checklist, whose timeout, retry, dedupe and schedule are taken over; ``sentence`` becomes the reason at the head of
    the file. ``package`` is the dotted package that the module will be in, empty at the top. A multi-step kind becomes a chain of tasks on
    demand, as long as no version has steps. Raises `ConfigurationError` for plain code, which needs no definition.
    """
    name = check_name(name)
    if kind is Kind.NONE:
        raise ConfigurationError("plain code needs no definition: call the function where it is needed, with a timeout")
    made = {item.name: item for item in items}
    module = f"{name}_tasks"
    values = {
        "@NAME@": name,
        "@CLASS@": "".join(part.capitalize() for part in name.split("_") if part) or "Task",
        "@MODULE@": f"{package}.{module}" if package else module,
        "@TITLE@": name.replace("_", " ").capitalize(),
        "@SENTENCE@": _comment(sentence),
        "@TIMEOUT@": _code(made, "timeout", 'timeout="5m"'),
        "@RETRY@": _code(made, "retry", "retry=Retry(retries=2)"),
        "@DEDUPE@": _dedupe(made, name),
        "@SCHEDULE@": _code(made, "schedule", 'cron("0 4 * * *", tz="Europe/Berlin")'),
    }
    values["@CLOCK@"] = values["@SCHEDULE@"].partition("(")[0]
    definition, tests = _TEMPLATES[kind]
    return Written(f"{module}.py", _filled(definition, values)), Written(f"test_{module}.py", _filled(tests, values))


def _code(made: dict[str, Item], name: str, otherwise: str) -> str:
    item = made.get(name)
    return item.code if item is not None and item.code else otherwise


def _dedupe(made: dict[str, Item], name: str) -> str:
    item = made.get("dedupe")
    if item is not None and item.variant in ("debounce", "delayed"):
        return item.code.partition(", and ")[0]
    return f'dedupe=Dedupe("{name}:{{subject_id}}", "once", window="1d")'


def _comment(sentence: str) -> str:
    return fill(sentence, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False) + "\n" if sentence else ""


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text.lstrip("\n")


_ADHOC = '''
"""@TITLE@: a task on demand."""

from __future__ import annotations

from mainspring import Context, Dedupe, Fail, Retry, task
from pydantic import BaseModel


@SENTENCE@class @CLASS@Result(BaseModel):
    """What a run leaves behind."""

    subject_id: str
    detail: str


@task(@TIMEOUT@, @RETRY@, @DEDUPE@)
async def @NAME@(ctx: Context, subject_id: str) -> @CLASS@Result:
    """@TITLE@ for one subject.

    Parameters carry ids and references, never the things themselves; a password or a key is a `Secret`.
    """
    ctx.progress(0, 1, message=f"working on {subject_id}")
    try:
        detail = await carry_out(subject_id)
    except PermissionError as error:
        raise Fail(f"{subject_id} may not be touched: {error}") from error  # trying again would not help
    ctx.progress(1, 1, message="done")
    return @CLASS@Result(subject_id=subject_id, detail=detail)


async def carry_out(subject_id: str) -> str:
    """Do the work. It may happen twice after a crash, so let it find what is done already."""
    return f"{subject_id} is done"
'''

_ADHOC_TESTS = '''
"""@TITLE@: it does its work, fails as it should, and does not do it twice."""

from __future__ import annotations

import pytest
from mainspring import errors
from mainspring.testing import Kit

import @MODULE@ as module


def test_it_does_its_work(ms: Kit) -> None:
    result = ms.run(module.@NAME@, subject_id="42")
    assert (result.subject_id, result.detail) == ("42", "42 is done")


def test_what_fails_for_a_while_is_tried_again_and_what_is_forbidden_is_not(ms: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    async def fails_once(subject_id: str) -> str:
        tries.append(subject_id)
        if len(tries) == 1:
            raise ConnectionError("the other side does not answer")
        return "done at last"

    monkeypatch.setattr(module, "carry_out", fails_once)
    assert ms.run(module.@NAME@, subject_id="1").detail == "done at last"
    assert tries == ["1", "1"]

    async def is_forbidden(subject_id: str) -> str:
        tries.append(subject_id)
        raise PermissionError("not yours")

    monkeypatch.setattr(module, "carry_out", is_forbidden)
    with pytest.raises(errors.RunFailed, match="not yours"):
        ms.run(module.@NAME@, subject_id="2")
    assert tries == ["1", "1", "2"]


def test_asked_for_twice_it_is_done_once(ms: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    async def count(subject_id: str) -> str:
        done.append(subject_id)
        return "done"

    monkeypatch.setattr(module, "carry_out", count)
    first = ms.enqueue(module.@NAME@, subject_id="7")
    second = ms.enqueue(module.@NAME@, subject_id="7")
    ms.until(first)
    assert first.id == second.id
    assert done == ["7"]
'''

_CRON = '''
"""@TITLE@: a task with a schedule."""

from __future__ import annotations

from mainspring import Context, Retry, @CLOCK@, task
from pydantic import BaseModel


@SENTENCE@class @CLASS@Result(BaseModel):
    """What a run leaves behind."""

    done: int


@task(schedule=@SCHEDULE@, overlap="skip", @TIMEOUT@, @RETRY@)
async def @NAME@(ctx: Context) -> @CLASS@Result:
    """@TITLE@, whenever the schedule says so."""
    waiting = await due()
    for number, subject_id in enumerate(waiting, 1):
        await carry_out(subject_id)
        ctx.progress(number, len(waiting), message=subject_id)
    return @CLASS@Result(done=len(waiting))


async def due() -> list[str]:
    """Return the ids of what is to be done now; nothing of what is done already."""
    return []


async def carry_out(subject_id: str) -> None:
    """Do the work for one. It may happen twice after a crash, so let it find what is done already."""
'''

_CRON_TESTS = '''
"""@TITLE@: it comes by itself, goes on after a failure, and finds nothing the second time."""

from __future__ import annotations

import pytest
from mainspring.testing import Kit

import @MODULE@ as module


class Subjects:
    """What there is to be done, and what has been."""

    def __init__(self, *waiting: str) -> None:
        self.waiting, self.done, self.failures = list(waiting), list[str](), 0

    async def due(self) -> list[str]:
        return list(self.waiting)

    async def carry_out(self, subject_id: str) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the other side does not answer")
        self.waiting.remove(subject_id)
        self.done.append(subject_id)


@pytest.fixture
def subjects(monkeypatch: pytest.MonkeyPatch) -> Subjects:
    made = Subjects("a", "b")
    monkeypatch.setattr(module, "due", made.due)
    monkeypatch.setattr(module, "carry_out", made.carry_out)
    return made


def test_it_comes_by_itself(subjects: Subjects) -> None:
    with Kit(tasks=[module.@NAME@]) as ms:
        ms.drain()
        [schedule] = ms.do(ms.app.schedules.list())
        assert schedule.next_at is not None
        ms.advance(schedule.next_at - ms.clock.now())
        ms.drain()
        [run] = ms.runs(module.@NAME@, "completed")
        assert run.origin == "schedule"
    assert subjects.done == ["a", "b"]


def test_a_failure_is_followed_by_another_try(ms: Kit, subjects: Subjects) -> None:
    subjects.failures = 1
    assert ms.run(module.@NAME@).done == 2
    [run] = ms.runs(module.@NAME@)
    assert (run.attempt, subjects.done) == (2, ["a", "b"])


def test_the_second_time_there_is_nothing_to_do(ms: Kit, subjects: Subjects) -> None:
    assert [ms.run(module.@NAME@).done for _ in range(2)] == [2, 0]
    assert subjects.done == ["a", "b"]
'''

_SIDE = '''
"""@TITLE@: a service, which goes on until it is asked to stop."""

from __future__ import annotations

from mainspring import Context, service


@SENTENCE@@service(restart="always", backoff="5s", stop_within="20s")
async def @NAME@(ctx: Context) -> None:
    """@TITLE@, for ever."""
    seen: set[str] = set()
    while await ctx.sleep(1):
        for message in await receive():
            if message not in seen:  # what comes twice is done once
                await carry_out(message)
                seen.add(message)


async def receive() -> list[str]:
    """Return what has come since the last call. Keep the connection open outside of the loop, and let it raise when it breaks."""
    return []


async def carry_out(message: str) -> None:
    """Do what a message asks for. Hand ``ctx.fence`` to what you write to, so that an instance given up for dead is refused."""
'''

_SIDE_TESTS = '''
"""@TITLE@: it hears, it comes back after a failure, and does not do twice what comes twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mainspring.testing import Kit

import @MODULE@ as module


class Line:
    """What comes in, and what was done with it; the line breaks where it says so."""

    def __init__(self) -> None:
        self.coming, self.done = list[str](), list[str]()

    async def receive(self) -> list[str]:
        come, self.coming = self.coming, []
        if "break" in come:
            raise ConnectionError("the line is cut")
        return come

    async def carry_out(self, message: str) -> None:
        self.done.append(message)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    made = Line()
    monkeypatch.setattr(module, "receive", made.receive)
    monkeypatch.setattr(module, "carry_out", made.carry_out)
    return made


@pytest.fixture
def node(line: Line) -> Iterator[Kit]:
    with Kit(tasks=[module.@NAME@]) as kit:
        kit.drain()
        yield kit


def goes_on(node: Kit, duration: str) -> None:
    node.advance(duration)
    node.drain()


def state(node: Kit) -> str:
    [row] = node.do(node.app.services.list("@NAME@"))
    return str(row.state)


def test_it_hears_and_stops_when_it_is_asked_to(node: Kit, line: Line) -> None:
    line.coming.append("hello")
    goes_on(node, "2s")
    assert (state(node), line.done) == ("running", ["hello"])
    node.do(node.app.services.stop("@NAME@", reason="the test is over"))
    goes_on(node, "2s")
    assert state(node) == "stopped"


def test_it_comes_back_after_a_failure(node: Kit, line: Line) -> None:
    line.coming.append("break")
    goes_on(node, "2s")
    assert state(node) == "backoff"
    line.coming.append("hello again")
    goes_on(node, "6s")
    goes_on(node, "2s")
    assert (state(node), line.done) == ("running", ["hello again"])


def test_what_comes_twice_is_done_once(node: Kit, line: Line) -> None:
    line.coming += ["order 1", "order 1"]
    goes_on(node, "2s")
    line.coming.append("order 1")
    goes_on(node, "2s")
    assert line.done == ["order 1"]
'''

_WORKFLOW = '''
"""@TITLE@: steps as a chain of tasks on demand, as long as no version has steps.

Each step has a key that counts once: the run that holds it is the marker that its effect is done. Its last act is to enqueue the next step.
A step that dies between its effect and its end is done again, so each effect has to bear that.
"""

from __future__ import annotations

from mainspring import Dedupe, Fail, Retry, task

@SENTENCE@_RETRY = Retry(retries=5, delay="10s", cap="10m")


@task(@TIMEOUT@, retry=_RETRY, dedupe=Dedupe("@NAME@:{subject_id}:first", "once"))
async def @NAME@(subject_id: str) -> str:
    """@TITLE@: the first step, with which it begins."""
    try:
        receipt = await carry_out("first", subject_id)
    except PermissionError as error:
        raise Fail(f"{subject_id} may not be touched: {error}") from error  # trying again would not help
    await @NAME@_second.enqueue(subject_id=subject_id, receipt=receipt)
    return receipt


@task(@TIMEOUT@, retry=_RETRY, dedupe=Dedupe("@NAME@:{subject_id}:second", "once"))
async def @NAME@_second(subject_id: str, receipt: str) -> str:
    """@TITLE@: the second step, which knows what the first has left."""
    return await carry_out("second", subject_id)


async def carry_out(step: str, subject_id: str) -> str:
    """Do the effect of one step and return what the next one needs to know: an id, a reference."""
    return f"{step} step of {subject_id}"
'''

_WORKFLOW_TESTS = '''
"""@TITLE@: the steps follow each other, resume where one failed, and are done once."""

from __future__ import annotations

import pytest
from mainspring import errors
from mainspring.testing import Kit

import @MODULE@ as module


class Effects:
    """What was done, in order; the step in ``fails`` fails once, that in ``forbidden`` for good."""

    def __init__(self) -> None:
        self.done, self.fails, self.forbidden = list[str](), "", ""

    async def carry_out(self, step: str, subject_id: str) -> str:
        if step == self.forbidden:
            raise PermissionError("not yours")
        if step == self.fails:
            self.fails = ""
            raise ConnectionError("the other side does not answer")
        self.done.append(f"{step} {subject_id}")
        return f"receipt of {step}"


@pytest.fixture
def effects(monkeypatch: pytest.MonkeyPatch) -> Effects:
    made = Effects()
    monkeypatch.setattr(module, "carry_out", made.carry_out)
    return made


def test_the_steps_follow_each_other(ms: Kit, effects: Effects) -> None:
    assert ms.run(module.@NAME@, subject_id="42") == "receipt of first"
    ms.drain()
    assert effects.done == ["first 42", "second 42"]


def test_a_step_that_fails_is_tried_again_alone_and_what_is_forbidden_ends_the_chain(ms: Kit, effects: Effects) -> None:
    effects.fails = "second"
    ms.run(module.@NAME@, subject_id="1")
    [second] = ms.runs(module.@NAME@_second)
    ms.until(second.id)
    assert effects.done == ["first 1", "second 1"]
    effects.forbidden = "first"
    with pytest.raises(errors.RunFailed, match="not yours"):
        ms.run(module.@NAME@, subject_id="2")
    assert len(ms.runs(module.@NAME@_second)) == 1


def test_asked_for_twice_each_step_is_done_once(ms: Kit, effects: Effects) -> None:
    first = ms.enqueue(module.@NAME@, subject_id="7")
    ms.until(first)
    ms.drain()
    again = ms.enqueue(module.@NAME@, subject_id="7")
    ms.drain()
    assert again.id == first.id
    assert effects.done == ["first 7", "second 7"]
'''

_TEMPLATES = {
    Kind.ADHOC: (_ADHOC, _ADHOC_TESTS), Kind.CRON: (_CRON, _CRON_TESTS), Kind.SIDE: (_SIDE, _SIDE_TESTS),
    Kind.WORKFLOW: (_WORKFLOW, _WORKFLOW_TESTS),
}  # fmt: skip
