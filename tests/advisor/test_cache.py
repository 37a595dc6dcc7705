"""What is remembered between two checks, and when it is not believed."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest

from mainspring.advisor import cache, desk, reading, scan
from mainspring.advisor.scan import Scan, Scanned
from mainspring.advisor.settings import Settings

SPAWN = dedent("""
    import asyncio
    import httpx
    from fastapi import FastAPI
    from shop.mail import send

    app = FastAPI()

    @app.post("/pay")
    async def pay(order: int) -> dict:
        asyncio.create_task(send(order))
        return {}
""")
MAIL = "import httpx\n\nasync def send(order):\n    await httpx.AsyncClient().post('https://mail.example.com')\n"
QUIET = "async def send(order):\n    return order\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    for name, text in {"__init__": "", "views": SPAWN, "mail": MAIL, "plain": "x = 1\n"}.items():
        write(tmp_path / "shop" / f"{name}.py", text)
    return tmp_path


def write(file: Path, text: str, age: int = 3600) -> None:
    """Write a file as if it had been there for a while."""
    file.write_text(text)
    now = file.stat().st_mtime
    os.utime(file, (now - age, now - age))


def look(tree: Path, *paths: str, **settings: object) -> Scanned:
    return Scan(tree, Settings(**settings)).run([tree / each for each in paths] or [tree])  # type: ignore[arg-type]


def read_paths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by each file that is read."""
    read: list[str] = []
    opened = reading.bytes_of

    def noted(file: str) -> tuple[bytes, str]:
        read.append(os.path.basename(file))
        return opened(file)

    monkeypatch.setattr(reading, "bytes_of", noted)
    monkeypatch.setattr(desk, "bytes_of", noted)
    return read


class TestRemembers:
    def test_the_second_look_reads_nothing_but_what_speaks_to_the_checker(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tree / "shop" / "plain.py", "x = 1  # mainspring: allow[MS101]\n")
        first = look(tree)
        read = read_paths(monkeypatch)
        second = look(tree)
        assert second.is_remembered
        assert second.findings == first.findings
        assert read == ["plain.py"]

    def test_a_changed_file_is_seen(self, tree: Path) -> None:
        assert [each.code for each in look(tree).findings] == ["MS101"]
        write(tree / "shop" / "views.py", SPAWN.replace("asyncio.create_task(send(order))", "await send(order)"), age=60)
        assert look(tree).findings == []

    def test_files_that_a_checkout_has_written_anew_are_what_they_were(self, tree: Path) -> None:
        first = look(tree)
        for file in (tree / "shop").iterdir():
            write(file, file.read_text(), age=60)
        second = look(tree)
        assert second.is_remembered
        assert second.findings == first.findings
        write(tree / "shop" / "mail.py", QUIET, age=30)
        assert look(tree).findings != first.findings
        write(tree / "shop" / "mail.py", MAIL, age=10)
        assert look(tree).findings == first.findings

    def test_a_file_that_could_not_be_opened_is_looked_at_when_it_can_be(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        found = look(tree).findings
        views = tree / "shop" / "views.py"
        os.utime(views, (1, 1))
        with monkeypatch.context() as patched:
            for module in (scan, reading):
                patched.setattr(module, "bytes_of", lambda file: (b"", "Permission denied"))
            assert look(tree).findings == []
        os.utime(views, (2, 2))
        again = look(tree)
        assert not again.is_remembered
        assert again.findings == found

    def test_a_changed_target_changes_what_is_said_of_its_caller(self, tree: Path) -> None:
        before = look(tree).findings
        write(tree / "shop" / "mail.py", QUIET, age=60)
        assert look(tree).findings != before
        assert look(tree, "shop/views.py").findings == look(tree).findings

    def test_of_a_file_as_long_and_as_old_as_before_the_time_in_ns_decides(self, tree: Path) -> None:
        look(tree)
        old = (tree / "shop" / "views.py").stat()
        (tree / "shop" / "views.py").write_text(SPAWN.replace("create_task", "create_tusk"))
        os.utime(tree / "shop" / "views.py", ns=(old.st_atime_ns, old.st_mtime_ns + 1))
        assert look(tree).findings == []

    def test_a_file_that_was_only_just_written_is_never_believed(self, tree: Path) -> None:
        file = tree / "shop" / "views.py"
        write(file, SPAWN, age=0)
        look(tree)
        old = file.stat()
        file.write_text(SPAWN.replace("create_task", "create_tusk"))
        os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))  # the same tick of a coarse clock
        assert look(tree).findings == []

    def test_new_and_deleted_files_are_seen(self, tree: Path) -> None:
        look(tree)
        write(tree / "shop" / "more.py", SPAWN)
        assert len(look(tree).findings) == 2
        (tree / "shop" / "more.py").unlink()
        assert len(look(tree).findings) == 1

    def test_settings_that_change_what_rules_see_are_part_of_the_question(self, tree: Path) -> None:
        look(tree)
        assert not look(tree, roles=(("shop/*", "cli"),)).is_remembered
        assert look(tree, roles=(("shop/*", "cli"),), select=("MS1",)).is_remembered

    def test_files_that_could_not_be_read_stay_so(self, tree: Path) -> None:
        write(tree / "shop" / "bad.py", "create_task(")
        assert [each.path for each in look(tree).unscanned] == ["shop/bad.py"]
        again = look(tree)
        assert again.is_remembered
        assert [each.path for each in again.unscanned] == ["shop/bad.py"]

    def test_exceptions_are_read_again_and_hold(self, tree: Path) -> None:
        write(tree / "shop" / "views.py", SPAWN.replace("create_task(send(order))", "create_task(send(order))  # mainspring: allow[MS101]"))
        assert [each.path for each in look(tree).commented] == ["shop/views.py"]
        assert [each.path for each in look(tree).commented] == ["shop/views.py"]


class TestOneFileOfMany:
    @pytest.fixture
    def large(self, tree: Path) -> Path:
        for n in range(30):
            text = (
                f"import asyncio\nfrom shop.mail import send\n\n\nasync def show{n}():\n    await send({n})\n    await asyncio.sleep({n})\n"
            )
            write(tree / "shop" / f"page{n}.py", text)
        look(tree)
        return tree

    def test_it_is_read_alone_with_what_rules_ask_for(self, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(large / "shop" / "mail.py", MAIL + "# sent\n", age=60)
        read = read_paths(monkeypatch)
        look(large, "shop/mail.py")
        assert read == ["mail.py"]

    def test_its_callers_are_known_and_what_it_calls(self, large: Path) -> None:
        write(large / "shop" / "views.py", SPAWN + "\n# paid\n", age=60)
        assert look(large, "shop/views.py").findings == look(large).findings
        write(large / "shop" / "mail.py", QUIET, age=60)
        assert look(large, "shop/views.py").findings == look(large).findings

    def test_little_is_written(self, large: Path) -> None:
        folder = large / ".mainspring_cache" / "check"
        before = (folder / "index.json").stat().st_ino
        write(large / "shop" / "mail.py", QUIET, age=60)
        (large / "shop" / "plain.py").unlink()
        look(large, "shop/mail.py")
        found = look(large)
        assert (folder / "index.json").stat().st_ino == before
        assert (folder / "recent.json").exists()
        assert look(large).is_remembered and look(large).findings == found.findings

    def test_it_makes_nobody_forget_what_the_whole_tree_holds(self, large: Path) -> None:
        look(large, "shop/views.py")
        assert look(large).is_remembered
        assert look(large, "shop/views.py").is_remembered

    def test_much_is_written_anew(self, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cache, "MOST_RECENT", 3)
        for n in range(5):
            write(large / "shop" / f"page{n}.py", "x = 1\n", age=60)
        found = look(large)
        assert not (large / ".mainspring_cache" / "check" / "recent.json").exists()
        assert look(large).is_remembered and look(large).findings == found.findings


def test_who_speaks_of_a_word_is_known_from_both_writings(tmp_path: Path) -> None:
    def entry(name: str) -> cache.Entry:
        return cache.Entry(1, 1, "", name, str(tmp_path), has_facts=True, wrappers=(f"{name}_off a",))

    first = cache.Cache(tmp_path)
    for name, words in {"a b.py": ["send", "pay"], "c.py": ["send"], "d.py": ["say", "two words", "é"]}.items():
        first.put(name, entry(name[0]), words)
    first.save()
    second = cache.Cache(tmp_path)
    assert list(second.speaking("send")) == ["a b.py", "c.py"] and list(second.speaking("é")) == ["d.py"]
    assert not second.speaking("words") and not second.speaking("sen") and not second.speaking("zzz")
    assert list(second.starting("a_off")) == ["a b.py"]
    second.put("c.py", entry("x"), ["pay"])
    second.forget(["d.py"])
    second.save()
    third = cache.Cache(tmp_path)
    assert list(third.speaking("pay")) == ["a b.py", "c.py"] and list(third.speaking("send")) == ["a b.py"] and not third.speaking("say")
    assert list(third.names("c.py")) == ["pay"] and list(third.names("a b.py")) == ["send", "pay"] and third.entries.get("d.py") is None
    assert list(third.starting("x_off")) == ["c.py"] and not third.starting("c_off")


class TestFolder:
    def test_it_is_kept_out_of_backups_and_repositories(self, tree: Path) -> None:
        look(tree)
        assert (tree / ".mainspring_cache" / ".gitignore").read_text() == "*\n"
        assert (tree / ".mainspring_cache" / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")

    def test_without_it_nothing_is_written(self, tree: Path) -> None:
        Scan(tree, Settings(), is_cached=False).run([tree])
        assert not (tree / ".mainspring_cache").exists()

    def test_other_rules_believe_nothing_of_it(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        look(tree)
        monkeypatch.setattr(cache, "stamp", lambda: "another version")
        assert not look(tree).is_remembered

    @pytest.mark.parametrize("name", ["index.json", "findings.json", "names.txt", "words.txt", "recent.json"])
    @pytest.mark.parametrize(
        "text", [b"", b"[", b"null", b'{"stamp": 1, "files": 3}', b"[[[[" * 50_000, b"\xff\x00", b'{"shop/views.py": 7}']
    )
    def test_a_broken_one_was_never_there(self, tree: Path, name: str, text: bytes) -> None:
        first = look(tree).findings
        (tree / ".mainspring_cache" / "check" / name).write_bytes(text)
        (tree / "shop" / "plain.py").write_text("x = 2\n")
        assert look(tree).findings == first
        assert look(tree).findings == first

    def test_one_that_leads_elsewhere_is_not_written_through(self, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        other = tmp_path_factory.mktemp("other")
        (tree / ".mainspring_cache").symlink_to(other)
        look(tree)
        assert list(other.iterdir()) == []

    @pytest.mark.parametrize("name", ["index.json", "findings.json", "names.txt", "words.txt", "recent.json"])
    def test_a_pipe_in_its_place_is_not_waited_for(self, tree: Path, name: str) -> None:
        first = look(tree).findings
        file = tree / ".mainspring_cache" / "check" / name
        file.unlink(missing_ok=True)
        os.mkfifo(file)
        assert look(tree).findings == first

    def test_where_nothing_can_be_written_the_check_goes_on(self, tree: Path) -> None:
        (tree / ".mainspring_cache").write_text("a file")
        assert [each.code for each in look(tree).findings] == ["MS101"]
