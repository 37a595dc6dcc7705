"""A clean application has nothing to be told: no finding of any rule, not even a notice (acceptance scenario 34)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mainspring.advisor.scan import Scan
from mainspring.advisor.settings import Settings
from tests.advisor.templates import TEMPLATES


@pytest.mark.scenario("G-34")
@pytest.mark.parametrize("framework", TEMPLATES)
def test_a_clean_application_has_no_findings(framework: str, tmp_path: Path) -> None:
    """What is awaited, gathered, joined, streamed or enqueued is fine, in every framework."""
    write(framework, tmp_path)

    scanned = Scan(tmp_path, Settings(), is_cached=False).run([tmp_path])

    assert [f"{each.path}:{each.place.line} {each.code} {each.statement}" for each in scanned.findings] == []
    assert not scanned.unscanned


@pytest.mark.parametrize("framework", TEMPLATES)
@pytest.mark.parametrize(
    ("kind", "code", "line"),
    [
        ("task", "MS101", "    asyncio.create_task(spoil(1))\n"),
        ("thread", "MS102", "    threading.Thread(target=spoil_now, args=(1,)).start()\n"),
    ],
)
def test_the_same_application_with_one_line_more_has_one_finding(framework: str, kind: str, code: str, line: str, tmp_path: Path) -> None:
    """Silence above is no blindness: a dropped task or thread in a handler of the same application is found, and only that."""
    write(framework, tmp_path)
    path = tmp_path / HANDLERS[framework]
    text = path.read_text("utf-8")
    head = "import asyncio\nimport threading\n\nimport requests\n\n"
    tail = (
        "\n\ndef spoil_now(number: int) -> None:\n    requests.post('https://example.org', json={'n': number}, timeout=30)\n"
        "\n\nasync def spoil(number: int) -> None:\n    spoil_now(number)\n"
        f"\n\n{DECORATORS[framework]}async def spoiled({ARGUMENTS[framework]}):\n{line}    return None\n"
    )
    path.write_text(head + text + tail, "utf-8")
    ast.parse(path.read_text("utf-8"))

    scanned = Scan(tmp_path, Settings(), is_cached=False).run([tmp_path])

    found = [each for each in scanned.findings if each.severity == "error"]
    assert [(each.code, each.function) for each in found] == [(code, "spoiled")], scanned.findings


HANDLERS = {
    "fastapi": "app/api/routes/utils.py",
    "flask": "shop/views.py",
    "django": "blog/views.py",
    "litestar": "src/board/controllers.py",
    "aiohttp": "gate/handlers.py",
}
DECORATORS = {
    "fastapi": '@router.post("/spoil")\n',
    "flask": '@bp.route("/spoil", methods=["POST"])\n',
    "django": "",
    "litestar": '@post("/spoil")\n',
    "aiohttp": '@routes.post("/spoil")\n',
}
ARGUMENTS = {"fastapi": "", "flask": "", "django": "request: HttpRequest", "litestar": "", "aiohttp": "request: web.Request"}


def write(framework: str, folder: Path) -> None:
    """Write an application and what makes its folder a project."""
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{framework}-shop"\nversion = "1"\n', "utf-8")
    for name, text in TEMPLATES[framework].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        for parent in path.relative_to(folder).parents:
            if parent.name not in ("", "src", "scripts"):
                (folder / parent / "__init__.py").touch()


def test_the_applications_are_python() -> None:
    """A template with a slip of the pen would be silent for the wrong reason."""
    for files in TEMPLATES.values():
        for name, text in files.items():
            ast.parse(text, name)
