"""The engine's version, in one place."""

import re

VERSION = "0.1.0"


def release_of(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, to be compared: (1, 10) of "1.10rc2", nothing of what is none."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
