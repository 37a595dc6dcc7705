"""What the reader makes of one file: names, types, fates of handles, loops, and files that are none."""

from __future__ import annotations

import ast
import gc
from textwrap import dedent, indent

import pytest

from mainspring.advisor.read.facts import Call, Fate, FileFacts, Function, ValueForm
from mainspring.advisor.read.reader import read_source
from mainspring.advisor.read.words import words_in

HEAD = """
import asyncio
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed, wait

POOL = ThreadPoolExecutor()
TASKS = set()
async def work(number=0): ...
def job(number=0): ...
"""


def read(code: str, path: str = "shop/views.py", module: str = "shop.views") -> FileFacts:
    """Read code that is meant to be readable."""
    facts = read_source(path, module, dedent(code).encode())
    assert not facts.problem, facts.problem
    return facts


def function(facts: FileFacts, name: str = "f") -> Function:
    return next(each for each in facts.functions if each.name == name)


def calls(facts: FileFacts, name: str = "f") -> list[str]:
    return [call.ref for call in function(facts, name).calls]


def spawn(body: str, head: str = "async def f(self=None, tasks=None):") -> Call:
    """Return the first call of a body that starts something."""
    facts = read(f"{HEAD}\n{head}\n{indent(dedent(body).strip(), '    ')}\n")
    starts = ("create_task", "Thread", "submit", "Timer", "Popen", "run_in_executor", "map", "create_subprocess_exec", "ensure_future")
    return next(call for each in facts.functions if each.name != "<module>" for call in each.calls if call.ref.rpartition(".")[2] in starts)


# Names


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import asyncio\nasyncio.create_task(x())", "asyncio.create_task"),
        ("import asyncio as aio\naio.create_task(x())", "asyncio.create_task"),
        ("from asyncio import create_task as ct\nct(x())", "asyncio.create_task"),
        ("import concurrent.futures\nconcurrent.futures.ThreadPoolExecutor().submit(x)", "concurrent.futures.ThreadPoolExecutor.submit"),
        ("import concurrent.futures as cf\nP = cf.ThreadPoolExecutor()\nP.submit(x)", "concurrent.futures.ThreadPoolExecutor"),
        ("from .deps import pool\npool.submit(x)", "shop.deps.pool.submit"),
        ("from . import deps\ndeps.pool.submit(x)", "shop.deps.pool.submit"),
        ("from ..core import deps\ndeps.go()", "core.deps.go"),
        ("from .deps import get\nget().submit(x)", "shop.deps.get().submit"),
        ("import asyncio\nasyncio.get_running_loop().create_task(x())", "asyncio.AbstractEventLoop.create_task"),
        ("import asyncio\nspawn = asyncio.create_task\nspawn(x())", "asyncio.create_task"),
        ("', '.join(x)", "str.join"),
        ("f'{x}'.join(x)", "str.join"),
        ("try:\n    from a import b\nexcept ImportError:\n    b = None\nb.go()", "shop.views.b.go"),
        ("print(1)", "print"),
        ("unheard()", "shop.views.unheard"),
    ],
)
def test_names_are_followed_inside_the_file(code: str, expected: str) -> None:
    assert expected in calls(read(code), "<module>")


@pytest.mark.parametrize(
    ("params", "body", "expected"),
    [
        ("tasks: BackgroundTasks", "tasks.add_task(x)", "fastapi.BackgroundTasks.add_task"),
        ("tasks: 'BackgroundTasks'", "tasks.add_task(x)", "fastapi.BackgroundTasks.add_task"),
        ("tasks: BackgroundTasks | None", "tasks.add_task(x)", "fastapi.BackgroundTasks.add_task"),
        ("tasks: Optional[BackgroundTasks]", "tasks.add_task(x)", "fastapi.BackgroundTasks.add_task"),
        ("tasks: Annotated[BackgroundTasks, Depends()]", "tasks.add_task(x)", "fastapi.BackgroundTasks.add_task"),
        ("tasks: Tasks", "tasks.add_task(x)", "fastapi.BackgroundTasks.add_task"),
        ("pool=Depends(get_pool)", "pool.submit(x)", "shop.deps.get_pool().submit"),
        ("x", "x.submit(1)", "?.submit"),
        ("x", "x(1)", "?x"),
        ("x", "x.y.z.submit(1)", "?.submit"),
        ("", "loop = asyncio.get_event_loop()\nloop.create_task(y())", "asyncio.AbstractEventLoop.create_task"),
        ("", "from threading import Thread as T\nT(target=x)", "threading.Thread"),
        ("", "with ThreadPoolExecutor() as pool:\n    pool.submit(x)", "concurrent.futures.ThreadPoolExecutor.submit"),
        ("", "if (t := threading.Thread(target=x)):\n    t.start()", "threading.Thread.start"),
        ("", "a, b = threading.Thread(), 1\na.start()", "threading.Thread.start"),
        ("", "pool = make()\npool.submit(x)", "concurrent.futures.ThreadPoolExecutor.submit"),
        ("asyncio", "asyncio.create_task(x())", "?.create_task"),
    ],
)
def test_objects_are_known_by_annotation_and_construction(params: str, body: str, expected: str) -> None:
    facts = read(
        f"""
import asyncio, threading
from typing import Annotated, Optional
from concurrent.futures import ThreadPoolExecutor
from fastapi import BackgroundTasks, Depends
from .deps import get_pool
Tasks = Annotated[BackgroundTasks, Depends()]
def make() -> ThreadPoolExecutor: ...
def f({params}):
{indent(body, "    ")}
"""
    )
    assert expected in calls(facts)


def test_attributes_of_self_are_known_by_what_any_method_gives_them() -> None:
    facts = read(
        """
        import asyncio, threading
        from .base import Base
        class Shop(Base):
            lock: asyncio.Lock
            def __init__(self, bus: "Bus"):
                super().__init__()
                self.queue = asyncio.Queue()
                self.timer = None
                self.bus = bus
            def arm(self):
                self.timer = threading.Timer(5, self.ring)
            def f(self):
                self.queue.get()
                self.timer.cancel()
                self.lock.acquire()
                self.bus.send()
                self.ring()
                super().f()
            @classmethod
            def make(cls):
                cls.ring()
            def ring(self): ...
        class Bus: ...
        """
    )
    assert calls(facts, "Shop.f") == [
        "asyncio.Queue.get", "threading.Timer.cancel", "asyncio.Lock.acquire", "shop.views.Bus.send", "shop.views.Shop.ring",
        "shop.base.Base.f", "super",
    ]  # fmt: skip
    assert calls(facts, "Shop.make") == ["shop.views.Shop.ring"]
    assert facts.classes[0].bases == ("shop.base.Base",)
    assert dict(facts.classes[0].attributes)["timer"] == "threading.Timer"


def test_nested_functions_and_lambdas_have_names_of_their_own() -> None:
    facts = read(
        """
        def f(rows):
            def inner():
                return rows
            use(inner)
            use(lambda: inner())
        """
    )
    assert [each.name for each in facts.functions] == ["<module>", "f", "f.<locals>.inner", "f.<locals>.<lambda:6:9>"]
    first, second = function(facts).calls
    assert first.args[0].text == "shop.views.f.<locals>.inner"
    assert second.args[0].text == "shop.views.f.<locals>.<lambda:6:9>"
    assert function(facts, "f.<locals>.inner").captures == ("rows",)
    assert calls(facts, "f.<locals>.<lambda:6:9>") == ["shop.views.f.<locals>.inner"]


def test_values_say_what_arguments_are() -> None:
    call = function(
        read("def f(job):\n    go('x', 5, -1, None, True, job.id, make(1), [1, make()], {'a': job}, 60 * 5, *job, k=job)")
    ).calls[0]
    forms = [value.form for value in call.args]
    assert forms == [
        ValueForm.TEXT, ValueForm.NUMBER, ValueForm.NUMBER, ValueForm.NONE, ValueForm.FLAG, ValueForm.REF, ValueForm.CALL, ValueForm.LIST,
        ValueForm.DICT, ValueForm.OTHER, ValueForm.OTHER,
    ]  # fmt: skip
    assert [value.text for value in call.args[:6]] == ["x", "5", "-1", "None", "True", "job.id"]
    assert call.args[6].call == 1 and call.args[7].items[1].call == 2
    assert call.args[8].keys == ("a",) and call.args[8].items[0].text == "job"
    assert call.args[9].text == "60 * 5"
    assert call.keyword("k") is not None and call.argument(99, "k") is call.keyword("k")


def test_places_count_characters() -> None:
    call = function(read('def f():\n    x = "äöü"; go(x)\n')).calls[0]
    assert (call.place.line, call.place.column, call.place.end_column) == (2, 16, 21)
    assert call.source == "go"


def test_statements_are_on_one_line_without_comments() -> None:
    facts = read(
        "def f(x):\n    go(  # why\n        x,\n        1,\n    )\n    if (x and\n        go(1)):\n        pass\n# mainspring: allow\n"
    )
    assert [call.statement for call in function(facts).calls] == ["go(x, 1)", "if (x and go(1)):"]
    assert facts.statements == ((2, 5), (6, 7))


def test_calls_in_decorators_and_defaults_belong_to_the_function_around() -> None:
    facts = read("@task(schedule=cron('0 3 * * *'), retry=[Retry(1)])\ndef f(x=make()): ...\n")
    assert calls(facts, "<module>") == ["shop.views.cron", "shop.views.Retry", "shop.views.make"]
    decorator = function(facts).decorators[0]
    schedule, retry = decorator.keyword("schedule"), decorator.keyword("retry")
    assert schedule is not None and schedule.call == 0 and retry is not None and retry.items[0].call == 1
    default = function(facts).params[0].default
    assert default is not None and default.call == 2


# Fates


@pytest.mark.parametrize(
    ("body", "fate", "binds"),
    [
        ("asyncio.create_task(work())", Fate.DROPPED, ()),
        ("_ = asyncio.create_task(work())", Fate.BOUND, ()),
        ("await asyncio.create_task(work())", Fate.AWAITED, ("await",)),
        ("t = asyncio.create_task(work())\nawait t", Fate.AWAITED, ("await",)),
        ("t = asyncio.create_task(work())\nawait asyncio.gather(t, work())", Fate.AWAITED, ("await",)),
        ("t = asyncio.create_task(work())\nawait asyncio.wait_for(asyncio.shield(t), 5)", Fate.AWAITED, ("await",)),
        ("t = asyncio.create_task(work())\ndone, rest = await asyncio.wait([t])", Fate.AWAITED, ("await",)),
        ("ts = [asyncio.create_task(work(i)) for i in range(3)]\nawait asyncio.gather(*ts)", Fate.AWAITED, ("await",)),
        ("await asyncio.gather(*[asyncio.create_task(work(i)) for i in range(3)])", Fate.AWAITED, ("await",)),
        ("await asyncio.gather(*(asyncio.create_task(work(i)) for i in range(3)))", Fate.AWAITED, ("await",)),
        (
            ("ts = []\nfor i in range(3):\n    ts.append(asyncio.create_task(work(i)))\nfor t in ts:\n    await t"),
            Fate.AWAITED,
            ("append:ts", "await"),
        ),
        ("ts = {}\nfor i in range(3):\n    ts[i] = asyncio.create_task(work(i))\nfor k, t in ts.items():\n    await t", Fate.AWAITED, ()),
        ("ts = {i: asyncio.create_task(work(i)) for i in range(3)}\nawait asyncio.gather(*ts.values())", Fate.AWAITED, ()),
        ("ts = [asyncio.create_task(work())]\nfor c in asyncio.as_completed(ts):\n    await c", Fate.JOINED, ("wait",)),
        ("ts = [asyncio.create_task(work())]\n[await t for t in ts]", Fate.AWAITED, ("await",)),
        ("ts = set()\nt = asyncio.create_task(work())\nts.add(t)\nawait asyncio.wait(ts)", Fate.AWAITED, ()),
        ("t = asyncio.create_task(work())\ntry:\n    await work()\nfinally:\n    t.cancel()", Fate.CANCELLED, ("cancel@finally",)),
        ("t = asyncio.create_task(work())\nif self:\n    t.cancel()", Fate.BOUND, ("cancel",)),
        ("async with asyncio.TaskGroup() as tg:\n    tg.create_task(work())", Fate.AWAITED, ("with",)),
        ("return asyncio.create_task(work())", Fate.RETURNED, ("return",)),
        ("t = asyncio.create_task(work())\nreturn {'task': t}", Fate.RETURNED, ("return",)),
        (
            ("t = asyncio.create_task(work())\nTASKS.add(t)\nt.add_done_callback(TASKS.discard)"),
            Fate.KEPT,
            ("add:TASKS", "add_done_callback"),
        ),
        ("self.task = asyncio.create_task(work())", Fate.KEPT, ("set:self.task",)),
        ("self.app.state.task = asyncio.create_task(work())", Fate.KEPT, ("set:self.app.state.task",)),
        ("self.tasks.append(asyncio.create_task(work()))", Fate.KEPT, ("append:self.tasks",)),
        ("self.tasks[1] = asyncio.create_task(work())", Fate.KEPT, ("set:self.tasks[]",)),
        ("self.task = asyncio.create_task(work())\nawait self.task", Fate.AWAITED, ("set:self.task", "await")),
        ("global G\nG = asyncio.create_task(work())", Fate.KEPT, ("set:G",)),
        ("t = asyncio.create_task(work())\nt = asyncio.create_task(work(1))\nawait t", Fate.BOUND, ()),
        ("if self:\n    t = asyncio.create_task(work())\nelse:\n    t = None\nif t:\n    await t", Fate.AWAITED, ("await",)),
        ("t = None\nwhile True:\n    if t:\n        await t\n    t = asyncio.create_task(work())", Fate.AWAITED, ("await",)),
        ("keep(asyncio.create_task(work()))", Fate.PASSED, ("pass:shop.views.keep",)),
        ("asyncio.create_task(work()).add_done_callback(print)", Fate.DROPPED, ("add_done_callback",)),
        ("t = asyncio.create_task(work())\nprint(t.done())", Fate.BOUND, None),
        ("if (t := asyncio.create_task(work())):\n    await t", Fate.AWAITED, ("await",)),
        ("a, b = asyncio.create_task(work()), 1\nawait a", Fate.AWAITED, ("await",)),
        ("t = asyncio.create_task(work())\nu = t\nawait u", Fate.AWAITED, ("await",)),
        (
            (
                "t = asyncio.create_task(work())\nasync def gen():\n    try:\n        yield 1\n    finally:\n        t.cancel()\n"
                "return gen()"
            ),
            Fate.CANCELLED,
            None,
        ),
        (
            ("ts = [asyncio.create_task(work())]\nfor t in ts:\n    t.cancel()\nawait asyncio.gather(*ts, return_exceptions=True)"),
            Fate.AWAITED,
            None,
        ),
        (
            ("self.t = asyncio.create_task(work())\ntry:\n    go()\nexcept Exception:\n    self.t.cancel()\n    await self.t\n    raise"),
            Fate.KEPT,
            None,
        ),
        (
            ("t = asyncio.create_task(work())\ntry:\n    go()\nexcept asyncio.CancelledError:\n    t.cancel()\n    raise"),
            Fate.CANCELLED,
            None,
        ),
        ("await asyncio.get_running_loop().run_in_executor(None, job)", Fate.AWAITED, ("await",)),
        ("asyncio.get_running_loop().run_in_executor(None, job)", Fate.DROPPED, ()),
    ],
)
def test_what_becomes_of_a_task(body: str, fate: Fate, binds: tuple[str, ...] | None) -> None:
    call = spawn(body)
    assert call.fate is fate, call.binds
    if binds:
        assert call.binds == binds


@pytest.mark.parametrize(
    ("body", "fate"),
    [
        ("threading.Thread(target=job).start()", Fate.DROPPED),
        ("t = threading.Thread(target=job)\nt.start()", Fate.BOUND),
        ("t = threading.Thread(target=job)\nt.daemon = True\nt.start()", Fate.BOUND),
        ("t = threading.Thread(target=job)\nt.start()\nt.join()", Fate.JOINED),
        ("t = threading.Thread(target=job)\nt.start()\n', '.join(['a'])", Fate.BOUND),
        ("ts = [threading.Thread(target=job) for _ in range(3)]\nfor t in ts:\n    t.start()\nfor t in ts:\n    t.join()", Fate.JOINED),
        (
            ("ts = []\nfor _ in range(3):\n    t = threading.Thread(target=job)\n    t.start()\n    ts.append(t)\n[t.join() for t in ts]"),
            Fate.JOINED,
        ),
        ("ts = []\nfor _ in range(3):\n    t = threading.Thread(target=job)\n    t.start()\n    ts.append(t)", Fate.BOUND),
        ("t = threading.Timer(5, job)\nt.start()\ntry:\n    job()\nfinally:\n    t.cancel()", Fate.CANCELLED),
        ("POOL.submit(job)", Fate.DROPPED),
        ("POOL.submit(job).result()", Fate.JOINED),
        ("f = POOL.submit(job)\nreturn f.result(timeout=5)", Fate.JOINED),
        ("fs = [POOL.submit(job, i) for i in range(3)]\nfor f in as_completed(fs):\n    f.result()", Fate.JOINED),
        ("fs = {POOL.submit(job, i): i for i in range(3)}\nfor f in as_completed(fs):\n    f.result()", Fate.JOINED),
        ("fs = [POOL.submit(job, i) for i in range(3)]\nwait(fs)", Fate.JOINED),
        ("fs = [POOL.submit(job, i) for i in range(3)]\nreturn [f.result() for f in fs]", Fate.JOINED),
        ("with ThreadPoolExecutor() as pool:\n    pool.submit(job)", Fate.JOINED),
        ("with ThreadPoolExecutor() as pool:\n    for i in range(3):\n        pool.submit(job, i)", Fate.JOINED),
        ("return list(POOL.map(job, [1, 2]))", Fate.JOINED),
        ("for row in POOL.map(job, [1]):\n    print(row)", Fate.JOINED),
        ("POOL.map(job, [1])", Fate.DROPPED),
        ("p = subprocess.Popen(['ls'])\nreturn p.pid", Fate.BOUND),
        ("p = subprocess.Popen(['ls'])\nout, err = p.communicate()", Fate.JOINED),
        ("with subprocess.Popen(['ls']) as p:\n    p.stdout.read()", Fate.JOINED),
        ("p = subprocess.Popen(['ls'])\nself.processes.append(p)", Fate.KEPT),
        ("p = subprocess.Popen(['ls'])\ntry:\n    p.wait(timeout=5)\nexcept subprocess.TimeoutExpired:\n    p.kill()", Fate.JOINED),
    ],
)
def test_what_becomes_of_threads_futures_and_processes(body: str, fate: Fate) -> None:
    call = spawn(body, "def f(self=None):")
    assert call.fate is fate, call.binds


def test_a_process_that_is_awaited_has_only_been_started() -> None:
    assert spawn("p = await asyncio.create_subprocess_exec('ls')").fate is Fate.BOUND
    assert spawn("p = await asyncio.create_subprocess_exec('ls')\nawait p.wait()").fate is Fate.JOINED


def test_what_a_method_awaits_is_there_for_other_methods() -> None:
    facts = read(
        """
        import asyncio
        class Pump:
            def start(self):
                self._task = asyncio.create_task(self.run())
            async def close(self):
                self._task.cancel()
                await self._task
                await asyncio.gather(*self._others)
        """
    )
    assert function(facts, "Pump.close").awaits == ("self._task", "self._others")


# Loops


@pytest.mark.parametrize(
    ("body", "is_endless", "has_exit"),
    [
        ("while True:\n    work()", True, False),
        ("while 1:\n    work()", True, False),
        ("while not stop.is_set():\n    work()", True, False),
        ("while not stop.wait(5):\n    work()", True, False),
        ("while self.running:\n    work()", True, False),
        ("while not self._closed:\n    work()", True, False),
        ("while time.time() < deadline:\n    work()", False, False),
        ("while rows:\n    work()", False, False),
        ("while not done:\n    work()", False, False),
        ("while True:\n    if stop.wait(60):\n        break\n    work()", True, False),
        ("while True:\n    rows = page()\n    if not rows:\n        break\n    work()", True, True),
        ("while True:\n    try:\n        work()\n    except asyncio.CancelledError:\n        break", True, False),
        ("while True:\n    try:\n        return work()\n    except ValueError:\n        continue", True, True),
        ("while True:\n    item = queue.get()\n    if item is None:\n        break\n    work(item)", True, False),
        ("while True:\n    if time.monotonic() > deadline:\n        raise TimeoutError\n    work()", True, True),
        ("for _ in itertools.count():\n    work()", True, False),
        ("for _ in itertools.cycle(range(60)):\n    if stop.wait(60):\n        break\n    work()", True, False),
        ("for row in rows:\n    work(row)", False, False),
        ("while True:\n    for row in rows:\n        if row:\n            break\n    work()", True, False),
        ("while True:\n    def inner():\n        return 1\n    work()", True, False),
    ],
)
def test_loops_end_or_do_not(body: str, is_endless: bool, has_exit: bool) -> None:
    code = f"import asyncio, itertools, time\ndef f(self, stop, rows, queue, deadline):\n{indent(body, '    ')}"
    loop = function(read(code)).loops[0]
    assert (loop.is_endless, loop.has_exit) == (is_endless, has_exit), loop.exits


def test_calls_know_the_loop_and_the_blocks_around_them() -> None:
    facts = read(
        """
        def f(rows):
            for row in rows:
                while ask(row):
                    with lock():
                        try:
                            go()
                        except ValueError:
                            mend()
                        finally:
                            end()
        """
    )
    found = {call.ref.rpartition(".")[2]: call for call in function(facts).calls}
    assert found["ask"].loop == found["go"].loop == 1 and function(facts).loops[1].parent == 0
    assert found["go"].inside == ("with:shop.views.lock", "try")
    assert found["mend"].inside[-1] == "except:ValueError" and found["end"].inside[-1] == "finally"


# Files that are none


@pytest.mark.parametrize(
    "data",
    [
        b"def f(:\n",
        b"\x00",
        b"x = 1\x00",
        b"\xff\xfe\x00x",
        b"# -*- coding: klingon -*-\n",
        b"x = '\xff'\n",
        b"(" * 5000,
        b"-" * 100_000 + b"1",
        b"x" + b".a" * 50_000,
        b"f(" * 900 + b")" * 900,
        b"if 1:\n",
        b"type X = = 3\n",
        b"\xef\xbb\xbf\xff",
    ],
)
def test_what_cannot_be_read_says_why_and_never_raises(data: bytes) -> None:
    facts = read_source("a.py", "a", data)
    assert facts.problem and facts.problem_line >= 1 and not facts.functions


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"\xef\xbb\xbfx = 1\n", b"# coding: latin-1\nx = '\xe4'\n", b"x = 1\r\ny = f()\r\n", b"x = 1\ry = f()\r", b"\x0cx = 1\n"],
)
def test_odd_files_are_read(data: bytes) -> None:
    facts = read_source("a.py", "a", data)
    assert not facts.problem and facts.functions[0].name == "<module>"


def test_comments_that_speak_to_the_checker_are_kept_and_no_others() -> None:
    facts = read(
        """
        x = 1  # mainspring: allow[MS101] sub-second -- a counter in memory only
        # mainspring: allow[MS102]
        y = "# mainspring: no comment"  # noqa
        """
    )
    assert [(each.line, each.is_alone) for each in facts.comments] == [(2, False), (3, True)]
    assert facts.comments[0].text.startswith("# mainspring: allow[MS101]") and facts.comments[0].column == 8


def test_facts_hold_no_syntax_tree_whenever_their_functions_are_read() -> None:
    def trees() -> int:
        gc.collect()
        return sum(isinstance(each, ast.stmt) for each in gc.get_objects())

    before = trees()
    facts = read(
        """
        import jobs

        def send(order: int) -> None:
            receipt = jobs.charge(order)
            jobs.mail(receipt)

        def nobody_asks_for() -> None:
            jobs.rest()
        """
    )
    assert [call.source for call in facts.outermost[1].calls] == ["jobs.charge", "jobs.mail"]
    assert trees() == before


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("while True:\n    time.sleep(1)\n", ["sleep("]),
        ("for n in range(3):\n    time.sleep(n)\n", []),
        ("thread_name = 'x'\nthreading.Lock()\n", []),
        ("class Sender(threading.Thread):\n    pass\n", ["Thread"]),
        ("for n in range(3):\n    time.sleep(n)\nrun_in_thread(send)\n", ["sleep(", "thread("]),
    ],
)
def test_a_file_is_asked_for_words_that_stand_in_a_finding(text: str, held: list[str]) -> None:
    assert sorted(words_in(text)) == held
