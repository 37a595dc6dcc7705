"""``mainspring tasks``, and where the app is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faces.conftest import Cli

HELLO = "from mainspring import task\n@task\nasync def {name}(n: int = 1) -> int:\n    return n\n"


@pytest.mark.scenario("S3-01", part="cli")
def test_every_word_of_a_definition_is_listed_and_shown(cli: Cli) -> None:
    expected = {
        "name": "add", "title": "Add numbers", "category": "sums", "icon": "plus", "tags": ["sum", "quick"], "danger": None,
        "is_expensive": True, "priority": "high", "timeout": "1m 30s", "is_enabled": True,
        "description": "Add two numbers.\n\nThe second may be left out.",
    }  # fmt: skip
    (listed,) = [row for row in cli.objects("tasks", "list") if row["name"] == "add"]
    assert expected.items() <= listed.items()
    assert cli.object("tasks", "show", "add") == listed
    assert cli.object("tasks", "show", "wipe")["danger"] == "Everything in it is lost."
    told = cli.ok("tasks", "show", "add")
    for words in ("Add numbers", "sums", "plus", "sum, quick", "expensive", "1m 30s", "The second may be left out."):
        assert words in told
    table = cli.ok("tasks")
    assert "expensive" in table
    assert "danger" in table
    assert [row["name"] for row in cli.objects("tasks", "--tag", "quick")] == ["add"]
    assert [row["name"] for row in cli.objects("tasks", "--category", "danger")] == ["wipe"]


@pytest.mark.scenario("S3-03", part="cli")
def test_two_tasks_of_one_name_stop_everything_and_both_places_are_named(project: Cli, tmp_path: Path) -> None:
    (tmp_path / "a_tasks.py").write_text(HELLO.format(name="twin"))
    (tmp_path / "b_tasks.py").write_text("\n\n" + HELLO.format(name="twin"))
    for words in (["tasks"], ["run", "twin"], ["enqueue", "twin"], ["doctor"]):
        result = project(*words)
        assert result.exit_code == 2
        assert "a_tasks.py:2" in result.output
        assert "b_tasks.py:4" in result.output
        assert "Traceback" not in result.output
    assert not (tmp_path / "store.db").exists() or project("runs").exit_code == 2


def test_task_modules_under_the_current_directory_make_an_app(project: Cli, tmp_path: Path) -> None:
    for place in ("tasks.py", "shop/task.py", "shop/deep/mail_tasks.py"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(HELLO.format(name=place.replace("/", "_").partition(".")[0]))
    for place in ("other.py", "test_tasks.py", "tests/tasks.py", ".hidden/tasks.py", "venv/lib/tasks.py"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("raise RuntimeError('not to be imported')\n")
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    assert [row["name"] for row in project.objects("tasks")] == ["shop_deep_mail_tasks", "shop_task", "tasks"]


def test_a_src_layout_is_found(project: Cli, tmp_path: Path) -> None:
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "__init__.py").touch()
    (tmp_path / "src" / "shop" / "tasks.py").write_text(HELLO.format(name="inside"))
    (found,) = project.objects("tasks")
    assert (found["name"], found["module"]) == ("inside", "shop.tasks")


@pytest.mark.parametrize("how", ["option", "variable", "mainspring.toml", "pyproject.toml", "discover", "discover in toml", "module alone"])
def test_the_ways_to_name_an_app(project: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    (tmp_path / "named.py").write_text(
        HELLO.format(name="chosen") + "from mainspring import Mainspring\napp = Mainspring(tasks=[chosen])\n"
    )  # fmt: skip
    (tmp_path / "tasks.py").write_text(HELLO.format(name="lies_around"))
    match how:
        case "option":
            project.app = ("-A", "named:app")
        case "module alone":
            project.app = ("-A", "named")
        case "variable":
            monkeypatch.setenv("MAINSPRING_APP", "named:app")
        case "mainspring.toml":
            (tmp_path / how).write_text('app = "named:app"\n')
        case "pyproject.toml":
            (tmp_path / how).write_text('[tool.mainspring]\napp = "named:app"\n')
        case "discover":
            project.app = ("--discover", "named")
        case "discover in toml":
            (tmp_path / "mainspring.toml").write_text('discover = ["named"]\n')
    assert [row["name"] for row in project.objects("tasks")] == ["chosen"]
    (result,) = project.objects("tasks", "--url", "sqlite://")
    assert result["name"] == "chosen"


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("nowhere:app", "there is no module of that name"),
        ("named:nothing", "named has no 'nothing'"),
        ("named:chosen", "'chosen' is a AsyncTask, no Mainspring"),
        ("named", "named holds no Mainspring"),
        (":app", "write it as package.module:name"),
        ("broken:app", "broken.py:2"),
    ],
)
def test_an_app_that_is_not_there_is_named(project: Cli, tmp_path: Path, where: str, said: str) -> None:
    (tmp_path / "named.py").write_text(HELLO.format(name="chosen"))
    (tmp_path / "broken.py").write_text("import os\nimport not_there_at_all\n")
    project.app = ("-A", where)
    result = project("tasks")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_no_task_at_all_is_told_with_an_example(project: Cli) -> None:
    result = project("tasks")
    assert result.exit_code == 0
    assert "@task" in result.stderr
