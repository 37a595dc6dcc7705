"""From paths to a report: what is read, what is left out, what is told of what could not be read."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from mainspring.advisor import desk, reading, scan
from mainspring.advisor import look as look_
from mainspring.advisor.desk import Desk, Question, Told
from mainspring.advisor.finding import Finding
from mainspring.advisor.report import Report
from mainspring.advisor.scan import Scan, Scanned
from mainspring.advisor.settings import Settings, find_root, read_settings
from mainspring.advisor.verdict import Terms, judge
from mainspring.advisor.walk import Walker
from mainspring.core.errors import ConfigurationError

SPAWN = """
    import asyncio
    import httpx
    from fastapi import FastAPI

    app = FastAPI()

    async def send(order: int) -> None:
        async with httpx.AsyncClient() as client:
            await client.post("https://mail.example.com/send", json={"order": order})

    @app.post("/pay")
    async def pay(order: int) -> dict:
        asyncio.create_task(send(order))
        return {}
"""


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    return root


def look(
    root: Path, *paths: str, settings: Settings | None = None, is_strict: bool = False, is_cached: bool = False, jobs: int = 1
) -> Scanned:
    found = Scan(root, settings or Settings(), is_strict=is_strict, is_cached=is_cached, jobs=jobs)
    return found.run([root / each for each in paths] or [root])


def report_of(root: Path, settings: Settings | None = None, **given: bool) -> Report:
    return judge(look(root, settings=settings, **given), settings or Settings(), Terms(date(2026, 6, 1), str(root)))


def told(scanned: Scanned) -> set[tuple[str, str]]:
    return {(each.path, each.code) for each in scanned.findings}


class TestFinds:
    def test_in_a_tree_and_in_one_file_the_same(self, tmp_path: Path) -> None:
        write(tmp_path, {"shop/views.py": SPAWN, "shop/other.py": "x = 1\n"})
        whole = look(tmp_path)
        assert told(whole) == {("shop/views.py", "MS101")}
        assert whole.files == 2
        alone = look(tmp_path, "shop/views.py")
        assert alone.findings == whole.findings
        assert alone.files == 1

    def test_nothing_is_imported_and_nothing_is_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path, {"shop/views.py": "raise SystemExit(3)\n" + dedent(SPAWN)})

        def never(*_: object, **__: object) -> None:
            raise AssertionError("the checker uses no network")

        monkeypatch.setattr(socket, "socket", never)
        monkeypatch.setattr(socket, "create_connection", never)
        before = set(sys.modules)
        assert told(look(tmp_path)) == {("shop/views.py", "MS101")}
        assert not {name for name in set(sys.modules) - before if name.partition(".")[0] in ("shop", "httpx", "fastapi")}

    @pytest.mark.scenario("G-14", part="two files")
    def test_a_caller_of_a_wrapper_is_found_though_it_holds_no_telling_word(self, tmp_path: Path) -> None:
        write(tmp_path, {
            "shop/__init__.py": "",
            "shop/later.py": """
                import asyncio

                def fire_and_forget_it(coro):
                    asyncio.create_task(coro)
            """,
            "shop/views.py": """
                import httpx
                from fastapi import FastAPI
                from shop.later import fire_and_forget_it

                app = FastAPI()

                async def send():
                    await httpx.AsyncClient().post("https://mail.example.com")

                @app.get("/")
                async def home():
                    fire_and_forget_it(send())
            """,
        })  # fmt: skip
        found = told(look(tmp_path))
        assert ("shop/views.py", "MS101") in found
        assert ("shop/later.py", "MS109") in found
        assert told(look(tmp_path, "shop/views.py")) == {each for each in found if each[0] == "shop/views.py"}

    @pytest.mark.parametrize("folder", ["", "src/", "backend/"])
    def test_modules_are_named_as_they_are_imported(self, tmp_path: Path, folder: str) -> None:
        write(tmp_path, {"pyproject.toml": "", f"{folder}shop/__init__.py": "", f"{folder}shop/a/views.py": "", f"{folder}main.py": ""})
        tree = Walker(tmp_path).walk([tmp_path])
        assert sorted(each.module for each in tree.files) == ["main", "shop", "shop.a.views"]
        assert len({each.project for each in tree.files}) == 1

    def test_two_projects_of_one_tree_do_not_mix(self, tmp_path: Path) -> None:
        write(tmp_path, {"pyproject.toml": "", "a/pyproject.toml": "", "a/app/main.py": "", "b/setup.py": "", "b/app/main.py": ""})
        tree = Walker(tmp_path).walk([tmp_path])
        assert sorted((Path(each.project).name, each.module) for each in tree.files) == [
            ("a", "app.main"),
            ("b", "app.main"),
            ("b", "setup"),
        ]

    def test_several_processes_find_what_one_does(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scan, "POOL_FROM", 1)
        write(
            tmp_path,
            {
                f"p{n}/{name}": text
                for n in range(4)
                for name, text in {"pyproject.toml": "", "app/views.py": SPAWN, "bad.py": "def ("}.items()
            },
        )
        one, several = look(tmp_path), look(tmp_path, jobs=2)
        assert one.findings == several.findings
        assert len(one.findings) == 4


CIRCLES = {
    "shop/__init__.py": "",
    "shop/later.py": """
        import asyncio
        from shop.again import once_more_in_a_while

        def fire_and_forget_it(coro):
            asyncio.create_task(coro)

        async def begin():
            await once_more_in_a_while()
    """,
    "shop/again.py": """
        import httpx
        from shop.later import begin, fire_and_forget_it

        async def once_more_in_a_while():
            await begin()
            await httpx.AsyncClient().post("https://mail.example.com")

        def pass_it_on(coro):
            fire_and_forget_it(coro)
    """,
    "shop/base.py": """
        from shop.parts import Part as Whole

        class Base(Whole):
            def start(self):
                self.begin()
    """,
    "shop/parts.py": """
        import threading
        from shop.base import Base

        class Part(Base):
            def begin(self):
                threading.Thread(target=self.loop).start()

            def loop(self):
                while True:
                    self.once()

            def once(self):
                Part().begin()
    """,
    "shop/views.py": """
        from fastapi import FastAPI
        from shop.again import once_more_in_a_while, pass_it_on
        from shop.plain import ping

        app = FastAPI()
        app.add_api_route("/ping", ping)

        @app.get("/")
        async def home():
            pass_it_on(once_more_in_a_while())
    """,
    "shop/plain.py": """
        import asyncio
        from shop.helpers import report

        async def ping():
            asyncio.get_running_loop().create_task(report())
    """,
    "shop/helpers.py": """
        import shop.views

        async def report():
            await shop.views.home()
    """,
}


class TestOrder:
    """What is found depends neither on who reads a file nor on what was judged before."""

    def test_of_processes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(look_, "SHARED_FROM", 1)
        write(tmp_path, {**CIRCLES, "shop/bad.py": "create_task("})
        one = look(tmp_path)
        assert {each.code for each in one.findings} >= {"MS101", "MS109"}
        for jobs in (2, 3):
            several = look(tmp_path, jobs=jobs)
            assert several.findings == one.findings
            assert several.unscanned == one.unscanned

    @pytest.mark.parametrize("turn", range(4))
    def test_of_files(self, tmp_path: Path, turn: int) -> None:
        write(tmp_path, CIRCLES)
        files = Walker(tmp_path).walk([tmp_path]).files

        def found(order: list[str]) -> list[list[Finding]]:
            desk = Desk(Question(tmp_path, Settings()), str(tmp_path), files)
            told = dict(zip([each.module for each in files], desk.read(files, (b"pass_it_on",), False), strict=True))
            wrappers = frozenset(word for each in told.values() for word in each.wrappers)
            desk.know({module: each.names for module, each in told.items() if each.has_facts}, wrappers)
            judged = {module: desk.judge([module]).findings for module in order if told[module].has_facts}
            return [judged[module] for module in sorted(judged)]

        names = [each.module for each in files]
        other = names[::-1] if turn == 0 else names[turn * 2 :] + names[: turn * 2]
        assert found(other) == found(names)

    def test_a_file_that_came_because_somebody_asked_speaks_of_nothing(self, tmp_path: Path) -> None:
        write(tmp_path, {"a.py": "import asyncio\nimport z\nasyncio.create_task(z.later())\n", "z.py": "async def later(): later()\n"})
        files = Walker(tmp_path).walk([tmp_path]).files
        desk = Desk(Question(tmp_path, Settings()), str(tmp_path), files)
        told = desk.read(files, (), False)
        assert [each.has_facts for each in told] == [True, False]
        desk.know({"a": told[0].names}, frozenset())
        assert desk.load("z") is not None
        assert desk.shelf.mentioning("later") == ["a"]
        assert list(desk.shelf) == ["a"]

    def test_a_file_that_kills_its_process_is_told_and_no_other(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(look_, "SHARED_FROM", 1)
        write(tmp_path, {f"shop/views{n}.py": SPAWN for n in range(5)})
        read = reading.read_file

        def dying(file: str, *given: object, **more: object) -> object:
            if file.endswith("views3.py"):
                os._exit(1)
            return read(file, *given, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(desk, "read_file", dying)
        found = look(tmp_path, jobs=2)
        assert [each.path for each in found.unscanned] == ["shop/views3.py"]
        assert "died" in found.unscanned[0].why
        assert [each.path for each in found.findings] == [f"shop/views{n}.py" for n in (0, 1, 2, 4)]

    def test_few_files_are_read_here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        read: list[Told] = []
        here = Desk.read

        def noted(self: Desk, *given: object, **more: object) -> list[Told]:
            told = here(self, *given, **more)  # type: ignore[arg-type]
            read.extend(told)
            return told

        monkeypatch.setattr(Desk, "read", noted)
        write(tmp_path, CIRCLES)
        look(tmp_path, jobs=2)
        assert len(read) >= len(CIRCLES)


@pytest.mark.scenario("G-20", part="trees")
class TestLeavesOut:
    def test_environments_and_what_was_built(self, tmp_path: Path) -> None:
        names = [
            ".venv/x.py",
            "venv/x.py",
            "node_modules/x.py",
            "lib/python3.12/site-packages/x.py",
            "build/x.py",
            "dist/x.py",
            "__pycache__/x.py",
            ".git/x.py",
        ]
        write(tmp_path, dict.fromkeys(names, SPAWN) | {"mine/pyvenv.cfg": "", "mine/x.py": SPAWN})
        assert look(tmp_path).files == 0

    def test_tests_unless_they_are_wanted(self, tmp_path: Path) -> None:
        write(tmp_path, {"tests/test_views.py": SPAWN})
        assert told(look(tmp_path)) == set()
        wanted = look(tmp_path, settings=Settings(include_tests=True))
        assert told(wanted) == {("tests/test_views.py", "MS101")}
        assert {str(each.severity) for each in wanted.findings} == {"notice"}

    def test_vendored_code(self, tmp_path: Path) -> None:
        write(tmp_path, {"shop/_vendor/lib.py": SPAWN, "lib/theirs.py": SPAWN})
        assert told(look(tmp_path, settings=Settings(vendored=("lib/*",)))) == set()

    @pytest.mark.parametrize("glob", ["old", "shop/old", "shop/old/**", "views.py", "*/views.py"])
    def test_what_is_excluded(self, tmp_path: Path, glob: str) -> None:
        write(tmp_path, {"shop/old/views.py": SPAWN})
        assert look(tmp_path, settings=Settings(exclude=(glob,))).files == 0
        assert look(tmp_path, "shop/old/views.py", settings=Settings(exclude=(glob,))).files == 0  # as a hook names it


@pytest.mark.scenario("G-18", part="not scanned")
class TestNotScanned:
    @pytest.mark.parametrize(
        "text",
        [
            "import asyncio\nasyncio.create_task(\n",
            b"import asyncio\nasyncio.create_task()\n\xff\n",
            b"# coding: rot-nothing\nx = 1\n",
            b"asyncio.create_task()\x00",
            "create_task" + "(" * 5000,
            "create_task = " + "-" * 200_000 + "1",
            "type X[T] = create_task\nmatch x:\n    case 1 | : pass\n",
        ],
    )
    def test_what_cannot_be_parsed_is_never_clean(self, tmp_path: Path, text: str | bytes) -> None:
        write(tmp_path, {"a.py": text})
        report = report_of(tmp_path)
        assert [each.finding.code for each in report.open] == ["MS008"]
        assert [each.path for each in report.unscanned] == ["a.py"]
        assert report.exit_code == 1

    def test_a_broken_file_without_a_telling_word_is_found_by_name_and_by_strict(self, tmp_path: Path) -> None:
        write(tmp_path, {"a.py": "def ("})
        assert look(tmp_path).unscanned == []
        assert [each.path for each in look(tmp_path, "a.py").unscanned] == ["a.py"]
        assert [each.path for each in look(tmp_path, is_strict=True).unscanned] == ["a.py"]

    def test_too_large_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path, {"a.py": "create_task\n" * 300_000, "b.py": "x = 1\n" * 600_000})
        assert [each.path for each in look(tmp_path).unscanned] == ["a.py"]
        monkeypatch.setattr(reading, "LARGEST_READ", 2**20)
        assert [each.path for each in look(tmp_path).unscanned] == ["a.py", "b.py"]

    def test_no_plain_file(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.py")
        (tmp_path / "null.py").symlink_to("/dev/zero")
        (tmp_path / "gone.py").symlink_to("nowhere.py")
        (tmp_path / "round.py").symlink_to("round.py")
        (tmp_path / "folder.py").mkdir()
        assert [each.path for each in look(tmp_path).unscanned] == ["gone.py", "null.py", "pipe.py", "round.py"]

    def test_what_may_not_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path, {"a.py": SPAWN, "in/b.py": SPAWN})
        opened, scanned = os.open, os.scandir

        def refuse(path: str, *given: int) -> int:
            if str(path).endswith("a.py"):
                raise PermissionError(13, "Permission denied")
            return opened(path, *given)

        def hide(path: str) -> object:
            if str(path).endswith("in"):
                raise PermissionError(13, "Permission denied")
            return scanned(path)

        monkeypatch.setattr(os, "open", refuse)
        monkeypatch.setattr(os, "scandir", hide)
        assert [(each.path, each.why) for each in look(tmp_path).unscanned] == [("a.py", "Permission denied"), ("in", "Permission denied")]

    def test_links_to_folders_go_nowhere_twice_and_never_out(self, tmp_path: Path) -> None:
        tree = write(tmp_path / "tree", {"shop/views.py": SPAWN})
        write(tmp_path / "other", {"views.py": SPAWN})
        (tree / "shop" / "up").symlink_to("..")
        (tree / "again").symlink_to("shop")
        (tree / "out").symlink_to(tmp_path / "other")
        scanned = look(tree)
        assert told(scanned) == {("shop/views.py", "MS101")}
        assert scanned.links == ["out"]

    def test_rules_that_fail_at_a_file_do_not_hide_the_others(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from mainspring.advisor import rules

        def broken(project: object, facts: object) -> None:
            raise RuntimeError("oops")

        monkeypatch.setattr(rules, "FAMILIES", (broken, *rules.FAMILIES))
        write(tmp_path, {"shop/views.py": SPAWN})
        for is_again in (False, True):  # the second time nothing has changed, and it is told as before
            scanned = look(tmp_path, is_cached=True)
            assert told(scanned) == {("shop/views.py", "MS101")}, is_again
            assert "oops" in scanned.unscanned[0].why

    def test_a_deep_tree(self, tmp_path: Path) -> None:
        folder = tmp_path
        for _ in range(70):
            folder = folder / "d"
            folder.mkdir()
        (folder / "a.py").write_text("create_task")
        assert len(look(tmp_path).unscanned) == 1

    def test_names_of_bytes(self, tmp_path: Path) -> None:
        (tmp_path / os.fsdecode(b"\xff\n.py")).write_bytes(dedent(SPAWN).encode())
        report = report_of(tmp_path)
        assert [each.finding.code for each in report.open] == ["MS101"]


class TestSettings:
    def test_where_the_project_is(self, tmp_path: Path) -> None:
        write(tmp_path, {"pyproject.toml": "", "shop/__init__.py": "", "shop/a/views.py": ""})
        assert find_root(tmp_path / "shop" / "a" / "views.py") == tmp_path

    @pytest.mark.parametrize(("name", "table"), [("pyproject.toml", "tool.mainspring.check"), ("mainspring.toml", "check")])
    def test_both_files_are_read(self, tmp_path: Path, name: str, table: str) -> None:
        write(tmp_path, {name: f"""
            [{table}]
            select = ["MS1", "MS001"]
            ignore = ["MS109"]
            fail-on = "error"
            exclude = ["old"]
            roles = {{ "jobs/*.py" = "worker" }}
            effects = {{ "shop.mail.send" = ["network", "db-write"] }}
            spawn-wrappers = ["shop.later.fire"]
            engine-packages = ["shop.engine"]
            vendored = ["lib/**"]
            include-tests = true
            max-allows-per-file = 5
            celery = true
            [{table}.per-file-allow]
            "gen/*.py" = "allow[MS101] process-local -- written by the client generator"
        """})  # fmt: skip
        settings = read_settings(tmp_path)
        assert settings.codes == ("MS001", *(f"MS{n}" for n in (101, 102, 103, 104, 105, 106, 107, 108, 110)))
        assert (settings.fail_on, settings.exclude, settings.max_allows_per_file, settings.is_celery) == ("error", ("old",), 5, True)
        assert settings.effects == (("shop.mail.send", "network"), ("shop.mail.send", "db-write"))
        assert [each.glob for each in settings.per_file_allow] == ["gen/*.py"]

    @pytest.mark.parametrize(
        ("line", "match"),
        [
            ("selct = []", r"pyproject\.toml.*selct.*did you mean select"),
            ('select = "MS1"', "no list of texts"),
            ('select = ["MS9"]', "there is no rule 'MS9'"),
            ('select = ["no-overlap-policy"]', "did you mean MS503"),
            ('fail-on = "fatal"', "none of error, warning, notice"),
            ('include-tests = "yes"', "neither true nor false"),
            ("max-allows-per-file = -1", "no number"),
            ('roles = { "a.py" = "boss" }', "no role; there are vendored"),
            ('effects = { "a.b" = "magic" }', "no effect; there are network"),
            ('per-file-allow = { "a.py" = "because" }', "no exception: write allow"),
        ],
    )
    def test_what_makes_no_sense_is_named_with_file_and_remedy(self, tmp_path: Path, line: str, match: str) -> None:
        write(tmp_path, {"pyproject.toml": f"[tool.mainspring.check]\n{line}\n"})
        with pytest.raises(ConfigurationError, match=match):
            read_settings(tmp_path)

    @pytest.mark.parametrize("text", ["[tool.mainspring\n", b"\xff", "[tool.mainspring]\ncheck = 3\n"])
    def test_a_broken_file(self, tmp_path: Path, text: str | bytes) -> None:
        write(tmp_path, {"pyproject.toml": text})
        with pytest.raises(ConfigurationError, match=r"pyproject\.toml"):
            read_settings(tmp_path)

    def test_the_engine_reads_the_same_file_without_a_word(self, tmp_path: Path) -> None:
        from mainspring import config

        write(tmp_path, {"mainspring.toml": '[check]\nselect = ["MS1"]\n'})
        assert config.read_settings({}, tmp_path)[1] == []
