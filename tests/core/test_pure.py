"""The core stays light: a definition brings neither pydantic nor anything that waits."""

import subprocess
import sys

import mainspring

# The public package imports the app; an empty one in its place leaves the core alone with what it imports itself.
ALONE = """
import sys, types
sys.modules["mainspring"] = package = types.ModuleType("mainspring")
package.__path__ = {path!r}
import mainspring.core.task, mainspring.core.handle
print(*sys.modules)
"""


def imported_by(code: str) -> set[str]:
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_a_definition_imports_neither_pydantic_nor_anything_that_waits() -> None:
    heavy = {"pydantic", "asyncio", "threading", "sqlite3", "psycopg", "socket", "logging", "subprocess"}
    assert heavy & imported_by(ALONE.format(path=list(mainspring.__path__))) == set()


def test_the_public_package_leaves_pydantic_for_the_first_use() -> None:
    heavy = {"pydantic", "sqlite3", "psycopg", "rich", "click"}
    assert heavy & imported_by("import sys, mainspring; print(*sys.modules)") == set()
