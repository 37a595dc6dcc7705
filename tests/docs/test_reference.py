"""The reference pages say what the code says, and every public name has a docstring."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import pytest

import mainspring

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
assert _spec is not None
assert _spec.loader is not None
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)


@pytest.mark.parametrize("name", list(reference.PAGES))
def test_page_is_fresh(name: str) -> None:
    """A stale page is written anew by ``make reference``."""
    assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == reference.PAGES[name]()


@pytest.mark.parametrize("name", mainspring.__all__)
def test_public_name_is_documented(name: str) -> None:
    """Whoever asks ``help()`` gets a sentence."""
    held = getattr(mainspring, name)
    if inspect.isclass(held) or inspect.isfunction(held):
        assert inspect.getdoc(held), name
