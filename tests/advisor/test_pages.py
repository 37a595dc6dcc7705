"""The pages that `--explain` prints: each code has one, what it calls bad is found, and what it calls good is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import mainspring.advisor
from mainspring.advisor.allow import parse
from mainspring.advisor.catalogue import RULES
from mainspring.advisor.finding import Finding, Ground

Check = Callable[..., list[Finding]]
PAGES = Path(mainspring.advisor.__file__).parent / "pages"
LONGEST = 64  # lines: one screen and a half
_BLOCK = re.compile(r"```python (bad|good)\n(.*?)```", re.DOTALL)
_FILE = re.compile(r"(?m)^# file: (\S+)\n")
NOT_CODE = {"MS008"}  # a file that nobody can read is no example


def page(code: str) -> str:
    return (PAGES / f"{code}.md").read_text("utf-8")


def blocks(code: str, kind: str) -> list[str | dict[str, str]]:
    """Return the examples of a kind; one with ``# file:`` lines is several files."""
    found: list[str | dict[str, str]] = []
    for each, text in _BLOCK.findall(page(code)):
        if each == kind:
            parts = _FILE.split(text)
            found.append(text if len(parts) == 1 else dict(zip(parts[1::2], parts[2::2], strict=True)))
    return found


def asked(code: str) -> dict[str, object]:
    """Return the settings without which a rule says nothing."""
    return {"select": ("MS",), "include_tests": True} if RULES[code].is_optional else {}


@pytest.mark.parametrize("code", RULES)
def test_each_code_has_a_page_of_its_form(code: str) -> None:
    text = page(code)
    assert text.startswith(f"# {code} {RULES[code].name}\n")
    assert len(text.splitlines()) <= LONGEST
    heads = re.findall(r"(?m)^## (.+)$", text)
    assert heads[0] == "Why"
    if code not in NOT_CODE:
        assert heads == ["Why", "Bad", "Good", "Allowed when"]
        assert blocks(code, "bad")
        assert blocks(code, "good")


def test_there_is_no_page_without_a_code() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(RULES)


@pytest.mark.parametrize(("code", "number"), [(code, number) for code in RULES for number in range(len(blocks(code, "bad")))])
def test_what_a_page_calls_bad_is_found(check: Check, code: str, number: int) -> None:
    assert code in {each.code for each in check(blocks(code, "bad")[number], **asked(code))}


@pytest.mark.parametrize(("code", "number"), [(code, number) for code in RULES for number in range(len(blocks(code, "good")))])
def test_what_a_page_calls_good_has_no_finding(check: Check, code: str, number: int) -> None:
    found = check(blocks(code, "good")[number], **asked(code))
    assert not found, [(each.code, each.variant, each.place.line) for each in found]


@pytest.mark.parametrize("code", [code for code in RULES if not code.startswith("MS0")])
def test_the_exception_that_a_page_shows_is_written_as_it_must_be(code: str) -> None:
    for line in page(code).partition("## Allowed when")[2].splitlines():
        said = parse(line) if line.startswith("    #") else None
        if said is None:
            continue
        assert said.codes == (code,)
        assert said.ground in list(Ground)
        assert len(said.reason) >= 20
        assert len(said.reason.split()) >= 4
