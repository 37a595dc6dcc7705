"""Edits of files: whole or not at all, and everything else stays as it was."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mainspring.advisor import fixes
from mainspring.advisor.finding import Edit, Finding, Kind, Place, Role, Severity


def edit(line: int, column: int, end: int, text: str, *, end_line: int | None = None) -> Edit:
    return Edit(Place(line, column, end_line or line, end), text)


def finding(*edits: Edit, path: str = "a.py") -> Finding:
    return Finding("MS104", path, Place(1, 1, 1, 2), Severity.ERROR, Kind.ADHOC, Role.HANDLER, "f", "x()", edits=edits)


def test_several_edits_of_one_file_are_made_at_their_places() -> None:
    after, n = fixes.edited(b"add(f)\nadd(g)\n", [(edit(1, 1, 4, "enqueue"),), (edit(2, 1, 4, "put"), edit(2, 5, 6, "h"))])
    assert (after, n) == (b"enqueue(f)\nput(h)\n", 2)


def test_of_edits_that_touch_each_other_the_first_is_made_whole() -> None:
    after, n = fixes.edited(b"add(f)\n", [(edit(1, 1, 4, "put"),), (edit(1, 2, 6, "x"), edit(1, 6, 7, ""))])
    assert (after, n) == (b"put(f)\n", 1)


def test_the_very_same_edit_is_made_once() -> None:
    new = edit(1, 1, 1, "import a\n")
    after, n = fixes.edited(b"f()\ng()\n", [(new, edit(1, 1, 2, "h")), (new, edit(2, 1, 2, "i"))])
    assert (after, n) == (b"import a\nh()\ni()\n", 2)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_ends_of_lines_stay(newline: str) -> None:
    text = newline.join(["x = 1", "f()", ""])
    after, _ = fixes.edited(text.encode(), [(edit(2, 1, 2, "import a\ng"),)])
    assert after.decode() == newline.join(["x = 1", "import a", "g()", ""])


@pytest.mark.parametrize(("coding", "mark"), [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("latin-1", b"")])
def test_encoding_and_byte_order_mark_stay(coding: str, mark: bytes) -> None:
    head = f"# coding: {coding}\n"
    before = mark + (head + "s = 'ä'; f()\n").encode(coding)
    after, _ = fixes.edited(before, [(edit(2, 10, 11, "g"),)])
    assert after == mark + (head + "s = 'ä'; g()\n").encode(coding)


def test_a_form_feed_ends_no_line() -> None:
    after, _ = fixes.edited("a = 1\n\x0cb = '\u2028'\nf()\n".encode(), [(edit(3, 1, 2, "g"),)])
    assert after == "a = 1\n\x0cb = '\u2028'\ng()\n".encode()


@pytest.mark.parametrize("bad", [edit(1, 1, 4, "def ("), edit(1, 4, 2, "x"), edit(9, 1, 2, "(")])
def test_what_would_be_no_python_is_not_written(tmp_path: Path, bad: Edit) -> None:
    (tmp_path / "a.py").write_text("add(f)\n")
    assert fixes.plan([finding(bad)], {}, tmp_path) == []


class TestFiles:
    def test_a_file_is_replaced_whole_with_its_rights(self, tmp_path: Path) -> None:
        file = tmp_path / "a.py"
        file.write_text("add(f)\n")
        file.chmod(0o750)
        planned = fixes.plan([finding(edit(1, 1, 4, "put"))], {"a.py": str(file)}, tmp_path)
        assert planned[0].diff() == "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-add(f)\n+put(f)\n"
        assert file.read_text() == "add(f)\n"
        assert fixes.write(planned) == 1
        assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("put(f)\n", 0o750)
        assert os.listdir(tmp_path) == ["a.py"]

    def test_a_file_that_has_changed_meanwhile_is_left_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "a.py"
        file.write_text("add(f)\n")
        planned = fixes.plan([finding(edit(1, 1, 4, "put"))], {}, tmp_path)
        file.write_text("something(else)\n")
        assert fixes.write(planned) == 0
        assert file.read_text() == "something(else)\n"

    def test_links_out_of_the_tree_are_refused_and_those_inside_stay_links(self, tmp_path: Path) -> None:
        tree, other = tmp_path / "tree", tmp_path / "other.py"
        tree.mkdir()
        other.write_text("add(f)\n")
        (tree / "a.py").symlink_to(other)
        assert fixes.plan([finding(edit(1, 1, 4, "put"))], {}, tree) == []
        (tree / "real.py").write_text("add(f)\n")
        (tree / "b.py").symlink_to("real.py")
        assert fixes.write(fixes.plan([finding(edit(1, 1, 4, "put"), path="b.py")], {}, tree)) == 1
        assert (tree / "b.py").is_symlink()
        assert (tree / "real.py").read_text() == "put(f)\n"

    def test_an_edit_of_another_file_is_made_there(self, tmp_path: Path) -> None:
        (tmp_path / "a.py").write_text("x = 1\n")
        (tmp_path / "b.py").write_text("add(f)\n")
        there = Edit(Place(1, 1, 1, 4), "put", "b.py")
        assert [each.path for each in fixes.plan([finding(there)], {}, tmp_path)] == ["b.py"]
