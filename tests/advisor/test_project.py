"""Names, classes, targets and callers across files."""

from __future__ import annotations

from textwrap import dedent

import pytest

from mainspring.advisor.finding import Kind, Place, Role, Severity
from mainspring.advisor.project import Project, wrappers_of
from mainspring.advisor.read.facts import FileFacts, Function
from mainspring.advisor.read.reader import read_source

from .conftest import facts_of, project_of

SHOP = {
    "app/__init__.py": "",
    "app/aliases.py": "from typing import Annotated\nfrom fastapi import BackgroundTasks, Depends\n"
    "Tasks = Annotated[BackgroundTasks, Depends()]",
    "app/api/__init__.py": "from .helpers import fire, Mail\nfrom app.pools import *",
    "app/api/helpers.py": "import asyncio\nfire = asyncio.create_task\nclass Mail(Base):\n    def send(self): ...\n",
    "app/pools.py": """
        from concurrent.futures import ThreadPoolExecutor
        from functools import partial
        POOL = ThreadPoolExecutor()
        def get_pool() -> ThreadPoolExecutor: ...
        def the_pool():
            return POOL
        class Holder(Middle):
            def __init__(self):
                self.pool = get_pool()
        class Middle:
            def run(self): ...
        HOLDER = Holder()
        def job(x): ...
        later = partial(job, 1)
        """,
    "app/main.py": """
        import app.pools
        from app import api
        from app.aliases import Tasks
        from app.api import POOL, Mail, fire
        from app.pools import HOLDER, Holder, get_pool
        def f(tasks: Tasks, holder: Holder):
            fire(x())
            api.fire(x())
            POOL.submit(1)
            api.POOL.submit(1)
            app.pools.get_pool().submit(1)
            pool = get_pool()
            pool.submit(1)
            app.pools.the_pool().submit(1)
            HOLDER.pool.submit(1)
            holder.pool.submit(1)
            holder.run()
            Holder().run()
            Mail().send()
            tasks.add_task(1)
            unknown.thing()
        """,
}


def function(project: Project, name: str = "f", module: str = "app.main") -> tuple[FileFacts, Function]:
    file = project.file(module)
    assert file is not None
    found = file.function(name)
    assert found is not None
    return file, found


def test_names_are_followed_to_where_they_are_defined() -> None:
    project = project_of(SHOP)
    _, f = function(project)
    refs = [project.canonical(call.ref) for call in f.calls]
    assert refs == [
        "asyncio.create_task", "app.main.x", "asyncio.create_task", "app.main.x", *["concurrent.futures.ThreadPoolExecutor.submit"] * 3,
        "app.pools.get_pool", "app.pools.get_pool", "concurrent.futures.ThreadPoolExecutor.submit",
        "concurrent.futures.ThreadPoolExecutor.submit", "app.pools.the_pool", *["concurrent.futures.ThreadPoolExecutor.submit"] * 2,
        "app.pools.Middle.run", "app.pools.Middle.run", "app.pools.Holder", "app.api.helpers.Mail.send", "app.api.helpers.Mail",
        "fastapi.BackgroundTasks.add_task", "app.main.unknown.thing",
    ]  # fmt: skip


def test_circles_of_imports_end() -> None:
    project = project_of(
        {"a.py": "from b import x", "b.py": "from a import x", "c.py": "from c import *\nfrom d import *\ny()", "d.py": "from c import *"}
    )
    assert project.canonical("a.x") in ("a.x", "b.x")
    assert project.canonical("c.y") == "c.y"


def test_what_functions_do_is_read_when_they_are_asked_for() -> None:
    text = """
        def busy():
            other = make()
            def inner(): ...

        def idle() -> Shop:
            return made()

        class Shop:
            def serve(self): self.stop()
    """
    facts = read_source("app/main.py", "app.main", dedent(text).encode())
    assert [each.name for each in facts.outermost] == ["<module>", "busy", "idle", "Shop.serve"]
    unread = facts.outermost[1:]
    assert all(each.read for each in unread)
    project = Project({"app.main": facts})
    assert project.canonical("app.main.idle().serve") == "app.main.Shop.serve"
    assert all(each.read for each in unread)
    assert [each.name for each in facts.speaking(("make(",))] == ["<module>", "busy", "busy.<locals>.inner"]
    assert [each.name for each in unread if each.read] == ["idle", "Shop.serve"]
    assert [each.ref for each in unread[2].calls] == ["app.main.Shop.stop"]
    assert len(facts.functions) == 5 and not unread[1].read


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("spawn(job)", "app.main.job"),
        ("spawn(job())", "app.main.job"),
        ("spawn(partial(job, 1))", "app.main.job"),
        ("spawn(functools.partial(job, 1))", "app.main.job"),
        ("spawn(lambda: job())", "app.main.f.<locals>.<lambda:8:11>"),
        ("spawn(self.run)", "app.main.Base.run"),
        ("spawn(self.run())", "app.main.Base.run"),
        ("spawn(Shop().run)", "app.main.Base.run"),
        ("x = job()\n    spawn(x)", "app.main.job"),
        (("x = partial(job, 1)\n    spawn(x)"), "app.main.job"),
        ("spawn(later)", "app.main.job"),
        ("spawn(asyncio.to_thread(job, 1))", "app.main.job"),
        ("spawn(sync_to_async(job)(1))", None),
        ("spawn(asyncio.wait_for(job(), 5))", "app.main.job"),
        (("def inner(): ...\n    spawn(inner)"), "app.main.f.<locals>.inner"),
        ("spawn(Shop())", "app.main.Shop.__call__"),
        ("spawn(wrapped)", "app.main.wrapped"),
        ("x = job\n    spawn(x)", "app.main.job"),
        ("spawn(print)", None),
        ("spawn(given)", None),
    ],
)
def test_targets_are_what_is_done_in_the_end(body: str, expected: str | None) -> None:
    head = (
        "import asyncio, functools\nfrom functools import partial\nfrom asgiref.sync import sync_to_async\nasync def job(x=1): ...\n"
        "later = partial(job, 1)\n\ndef f(self: 'Shop', given):\n    "
    )
    tail = "\nclass Base:\n    def run(self): ...\nclass Shop(Base):\n    def __call__(self): ...\n@functools.cache\ndef wrapped(): ...\n"
    project = project_of(f"{head}{body}{tail}")
    file, f = function(project)
    call = next(call for call in f.calls if call.ref == "app.main.spawn")
    target = project.target(file, f, call.args[0])
    assert (target.known.ref if target.known else None) == expected


def test_classes_know_all_that_they_inherit_from() -> None:
    project = project_of(
        {
            "a.py": "from b import Mid\nclass Low(Mid): ...",
            "b.py": "import threading\nclass Mid(threading.Thread, Mid): ...\nclass Other: ...",
        }
    )
    assert project.ancestors("a.Low") == {"a.Low", "b.Mid", "threading.Thread"}
    assert project.is_a("a.Low", "threading.Thread") and project.is_a("a.Low", "threading.") and not project.is_a("b.Other", "threading.")
    low = project.class_of("a.Low")
    assert low is not None and low.name == "Low" and project.class_of("threading.Thread") is None


def test_callers_are_found_in_every_file() -> None:
    project = project_of(
        {
            "a.py": "def fire(x): ...\nclass Shop:\n    def go(self): ...\n    def stop(self):\n        self.go()",
            "b.py": "from a import fire as f, Shop\ndef one():\n    f(1)\ndef two(shop: Shop):\n    shop.go()",
            "c.py": "import a\na.fire(2)\nfire(3)",
        }
    )
    file, fire = function(project, "fire", "a")
    assert [(each.module, caller.name) for each, caller, _ in project.callers(file, fire)] == [("b", "one"), ("c", "<module>")]
    file, go = function(project, "Shop.go", "a")
    assert [(each.module, caller.name) for each, caller, _ in project.callers(file, go)] == [("a", "Shop.stop"), ("b", "two")]


def test_numbers_are_read_from_constants_and_products() -> None:
    project = project_of({"a.py": "from b import PAUSE\ngo(5, 60 * 2, PAUSE, -1, 1 / 2, x, 2 ** 9)", "b.py": "PAUSE = 3 * 10"})
    file = project.files["a"]
    call = next(call for call in file.top.calls if call.ref == "a.go")
    assert [project.number(file, value) for value in call.args] == [5.0, 120.0, 30.0, -1.0, 0.5, None, None]
    assert project.number(file, None) is None


def test_findings_are_filled_in() -> None:
    project = project_of({"shop/views.py": "def f():\n    x( 1,\n       2 )\n    while   True:\n        y()\n"})
    file, f = function(project, "f", "shop.views")
    found = project.finding("MS101", file, f, f.calls[0], variant="kept", target="x", count=2)
    assert (found.code, found.path, found.place.line, found.severity, found.kind) == (
        "MS101",
        "shop/views.py",
        2,
        Severity.ERROR,
        Kind.ADHOC,
    )
    assert (found.function, found.statement, found.role) == ("f", "x(1, 2)", Role.SERVICE)
    assert found.values == (("target", "x"), ("count", "2")) and found.variant == "kept"
    assert project.finding("MS202", file, f, f.loops[0]).statement == "while True:"
    assert project.finding("MS101", file, f, Place(4, 5, 4, 6), kind=None).kind is None
    test = project_of({"tests/test_x.py": "def f():\n    x()\n"})
    file, f = function(test, "f", "tests.test_x")
    assert test.finding("MS101", file, f, f.calls[0]).severity is Severity.NOTICE


def test_one_file_says_which_of_its_functions_may_be_wrappers() -> None:
    code = """
    import asyncio, threading
    def fire_and_forget(coro):
        asyncio.create_task(coro)
    def threaded(fn):
        def inner(*args):
            threading.Thread(target=fn, args=args).start()
        return inner
    async def joined(coro):
        await asyncio.create_task(coro)
    def own():
        asyncio.create_task(work())
    class Bus:
        def defer(self, fn, *args):
            self.pool.submit(fn, *args)
    """
    assert set(wrappers_of(facts_of(code)[0])) == {"fire_and_forget", "threaded", "defer"}


@pytest.mark.parametrize(("files", "n"), [(60, 60), (61, 0)])
def test_callers_of_a_name_that_too_many_files_speak_are_not_looked_for(files: int, n: int) -> None:
    calling = {f"shop/page{number}.py": "from shop.mail import setup\nsetup()\n" for number in range(files - 1)}
    project = project_of({"shop/mail.py": "def setup():\n    pass\n\n\nsetup()\n", **calling})
    file = project.files["shop.mail"]
    assert len(project.callers(file, file.outermost[1])) == n
