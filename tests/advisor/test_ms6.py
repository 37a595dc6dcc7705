"""MS601 to MS603: code that asks for what the project's engine, schema or backend does not have."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import pytest

from mainspring.advisor import features
from mainspring.advisor.features import Feature
from mainspring.advisor.finding import Finding

Check = Callable[..., list[Finding]]
WORKFLOW = "from mainspring import workflow\n\n@workflow\nasync def fulfil(order_id: int) -> None: ...\n"
SERVICE = (
    "from mainspring import Context, service\n\n@service\nasync def watch(ctx: Context) -> None:\n"
    "    while not ctx.stopping:\n        await ctx.sleep(5)\n"
)


def of(found: list[Finding], code: str) -> list[tuple[str, str]]:
    """Return variant and severity of the findings of one code."""
    return [(each.variant, str(each.severity)) for each in found if each.code == code]


def said(found: list[Finding], code: str) -> dict[str, str]:
    """Return the values of the first finding of a code."""
    return dict(next(each for each in found if each.code == code).values)


# MS601


@pytest.mark.scenario("G-25")
def test_workflows_are_in_no_version_and_both_are_named(check: Check) -> None:
    assert of(check(WORKFLOW), "MS601") == [("none", "error")]
    found = check({"uv.lock": '[[package]]\nname = "mainspring"\nversion = "0.1.0"\n', "shop/tasks.py": WORKFLOW})
    assert of(found, "MS601") == [("never", "error")]
    assert said(found, "MS601") == {"feature": "workflow", "have": "0.1.0", "source": "uv.lock"}


@pytest.mark.scenario("G-25")
def test_a_project_that_pins_an_engine_without_it_is_told_both_versions(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    later = Feature("workflows", engine="0.9.0", names=("mainspring.workflow",))
    monkeypatch.setattr("mainspring.advisor.rules.ms6.BY_NAME", MappingProxyType({**features.BY_NAME, "mainspring.workflow": later}))
    assert not of(check(WORKFLOW), "MS601"), "unknown stays unknown"
    found = check({"requirements.txt": "mainspring==0.1.0\n", "shop/tasks.py": WORKFLOW})
    assert of(found, "MS601") == [("", "error")]
    values = said(found, "MS601")
    assert (values["need"], values["have"], values["source"]) == ("0.9.0", "0.1.0", "requirements.txt:1")
    assert not of(check({"requirements.txt": "mainspring==0.10.0\n", "shop/tasks.py": WORKFLOW}), "MS601"), "compared by number"
    assert not of(check({"requirements.txt": "mainspring>=0.1\n", "shop/tasks.py": WORKFLOW}), "MS601"), "a bound is no version"
    assert of(check({"requirements.txt": "mainspring~=0.1.0\n", "shop/tasks.py": WORKFLOW}), "MS601") == [("", "error")], "it rules it out"


def test_a_feature_is_told_once_a_file(check: Check) -> None:
    assert len(of(check(WORKFLOW + WORKFLOW.replace("fulfil", "other")), "MS601")) == 1


def test_a_requirement_that_does_not_hold_is_known_before_the_start(check: Check) -> None:
    code = (
        "from mainspring import task\n\n@task(requires=('engine>=2 else use export', 'backend=postgres'))\nasync def fast() -> None: ...\n"
    )
    assert not [each for each in check(code) if each.code.startswith("MS6")]
    found = check({"mainspring.lock": 'engine = "0.1.0"\nbackend = "sqlite"\n', "shop/tasks.py": code})
    assert of(found, "MS601") == [("requires", "notice")]
    assert of(found, "MS603") == [("requires", "notice")]


# MS602


@pytest.mark.scenario("G-25")
def test_a_feature_above_the_schema_of_the_database(check: Check) -> None:
    assert not of(check(SERVICE), "MS602")
    found = check({"mainspring.lock": "schema = 8\n", "shop/tasks.py": SERVICE})
    assert of(found, "MS602") == [("", "error")]
    assert said(found, "MS602") == {"feature": "service", "need": "11", "have": "8", "source": "mainspring.lock"}
    assert not of(check({"mainspring.lock": "schema = 21\n", "shop/tasks.py": SERVICE}), "MS602")


def test_options_and_names_ask_for_a_schema_too(check: Check) -> None:
    code = (
        "from mainspring import Mainspring, every, task\n\n"
        "@task(schedule=every('1h'), dedupe='x', overlap='skip')\nasync def a() -> None: ...\n"
        "async def go(app: Mainspring):\n    await app.enqueue(a.options(tenant='acme'))\n"
    )
    found = check({"mainspring.lock": "schema = 2\n", "shop/tasks.py": code})
    assert {dict(each.values)["feature"] for each in found if each.code == "MS602"} == {"every", "dedupe=, overlap=", "tenant="}


# MS603


def test_a_service_where_no_process_stays(check: Check) -> None:
    found = check({"mainspring.toml": 'runner_environment = "serverless"\n', "shop/tasks.py": SERVICE})
    assert of(found, "MS603") == [("deployment", "error")]
    assert said(found, "MS603")["source"] == "mainspring.toml"
    assert not of(check({"mainspring.toml": 'runner_environment = "production"\n', "shop/tasks.py": SERVICE}), "MS603")


def test_one_file_for_several_machines(check: Check) -> None:
    code = "from mainspring import Mainspring\n\napp = Mainspring('sqlite:///shop.db')\n"
    assert of(check({"mainspring.lock": 'deployment = "fleet"\n', "shop/app.py": code}), "MS603") == [("", "error")]
    assert not of(check({"mainspring.lock": 'deployment = "single-host"\n', "shop/app.py": code}), "MS603")
    postgres = code.replace("sqlite:///", "postgresql://db/")
    assert not of(check({"mainspring.lock": 'deployment = "fleet"\n', "shop/app.py": postgres}), "MS603")


def test_code_without_anything_of_ours_has_none(check: Check) -> None:
    assert not check({"mainspring.lock": "schema = 1\n", "shop/x.py": "from celery import shared_task\n\n@shared_task\ndef a(): ...\n"})
