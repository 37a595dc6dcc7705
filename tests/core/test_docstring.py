"""Docstrings in three styles, and in none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.docstring import Docs, parse_docstring

GOOGLE = """Dump a database.

    It takes a while.

    Args:
        database: which one,
            by its name
        format (str): how it is written: as text or packed
        *, strict: not a parameter of that name

    Returns:
        The file.

    And a last word.
    """
NUMPY = """Dump a database.

    Parameters
    ----------
    database : str
        which one,
        by its name

    format, compress : {"sql", "tar"}, optional
        how it is written

    Returns
    -------
    Path
        The file.

    Notes
    -----
    It takes a while.
    """
REST = """Dump a database.

    :param database: which one,
        by its name
    :param str format: how it is written
    :type compress: bool
    :returns: the file
    :raises ValueError: never

    It takes a while.
    """
NAMES = ("database", "format", "compress", "strict")


def test_google_style() -> None:
    docs = parse_docstring(GOOGLE, NAMES)
    assert docs.params == {
        "database": "which one, by its name",
        "format": "how it is written: as text or packed *, strict: not a parameter of that name",
    }
    assert docs.description == "Dump a database.\n\nIt takes a while.\n\nAnd a last word."


def test_numpy_style() -> None:
    docs = parse_docstring(NUMPY, NAMES)
    assert docs.params == {"database": "which one, by its name", "format": "how it is written", "compress": "how it is written"}
    assert docs.description == "Dump a database.\n\nNotes\n-----\nIt takes a while."


def test_rest_style() -> None:
    docs = parse_docstring(REST, NAMES)
    assert docs.params == {"database": "which one, by its name", "format": "how it is written"}
    assert docs.description == "Dump a database.\n\nIt takes a while."


@pytest.mark.parametrize(
    "text",
    [
        "Note: this is prose.\n\nArgs: none to speak of.",
        "Parameters\nare important.",
        "See :param-free: styles.\n\nTime: 5 minutes",
        "Args:\n\nnothing follows, so this is no section",
    ],
)
def test_prose_stays_prose(text: str) -> None:
    assert parse_docstring(text, NAMES) == Docs(text, {})


def test_nothing_is_nothing() -> None:
    assert parse_docstring(None) == parse_docstring("") == parse_docstring("   \n ") == Docs("", {})


def test_only_real_parameters_are_taken() -> None:
    assert parse_docstring("x\n\nArgs:\n    a: one\n    Note: two", ("a",)).params == {"a": "one Note: two"}
    assert parse_docstring("x\n\nArgs:\n    a: one\n    b: two").params == {"a": "one", "b": "two"}


@given(st.text(alphabet="aA:- \n()*,.\t\\", max_size=200))
def test_it_never_raises(text: str) -> None:
    docs = parse_docstring(f"Args:\n{text}\n\nParameters\n----------\n{text}")
    assert isinstance(docs.description, str)
