"""What which version has: a kind that is not there is refused with a fallback and what that loses; what is unknown stays unknown."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import mainspring
from mainspring.advisor.advise.advice import advise
from mainspring.advisor.advise.answers import NOTHING, Answers, Length, Question
from mainspring.advisor.advise.describe import describe
from mainspring.advisor.advise.gates import NO_VERSION, gates_of, needed_engine, passage
from mainspring.advisor.features import BY_NAME, BY_OPTION, FEATURES, OF_KIND, OLDEST, Backend, Profile
from mainspring.advisor.finding import Kind
from mainspring.advisor.versions import Engine, Versions
from mainspring.cli.advice import Words, as_json, as_text
from mainspring.core.capability import NEEDS_SCHEMA
from mainspring.core.version import VERSION
from mainspring.i18n import t
from mainspring.store.migrate import newest

OLDEST_SCHEMA = 21  # what version 0.1.0 brings
NEW = Versions(Engine(VERSION, "uv.lock"), OLDEST_SCHEMA, Backend.POSTGRES, Profile.FLEET)


def said(**answers: bool | Length) -> Answers:
    found = NOTHING
    for name, value in answers.items():
        found = found.given(Question(name), value)
    return found


STEPS = said(multi_step=True, survive_restart=True)
SERVICE = said(duration=Length.FOREVER, user_triggered=False, recurring=False, survive_restart=True)
EXPORT = said(user_triggered=True, recurring=False, duration=Length.LONG, survive_restart=True)


@pytest.mark.scenario("G-28")
def test_a_kind_that_no_version_has_is_refused_with_a_fallback_and_its_losses() -> None:
    advice = advise(STEPS, NEW)
    assert (advice.kind, advice.fallback) == (Kind.WORKFLOW, Kind.ADHOC)
    assert advice.refused is FEATURES["workflows"]
    told = as_json(advice)
    assert told["refused"]["missing"] == [NO_VERSION]
    assert "chain of tasks on demand" in told["fallback"]["how"]
    assert f"installed is {VERSION} (schema {OLDEST_SCHEMA})" in told["sentence"]
    assert "a version that does not exist yet" in told["sentence"]
    for loss in ("own-markers", "repeated-step", "no-wait"):
        assert t(f"advise.loss.{loss}") in told["sentence"]
        assert t(f"advise.loss.{loss}") in told["fallback"]["losses"]


@pytest.mark.scenario("S0-34", part="gate")
@pytest.mark.parametrize(("have", "refused"), [("0.0.9", True), ("0.1.0rc1", True), ("0.1.0", False), ("0.1", False), ("1.10", False)])
def test_versions_are_compared_by_number_and_a_pre_release_is_below_its_release(have: str, refused: bool) -> None:
    advice = advise(EXPORT, Versions(Engine(have, "uv.lock"), OLDEST_SCHEMA))
    assert (advice.refused is not None) is refused
    sentence = Words(advice, "en").sentence()
    assert have in sentence and OLDEST in sentence
    if refused:
        assert advice.fallback is Kind.CRON
        assert "allow[MS204] migration" in sentence
        assert as_json(advice)["refused"]["upgrade"] == f"pip install --upgrade 'mainspring>={OLDEST}'"


@pytest.mark.scenario("G-29")
def test_an_unknown_version_is_unknown_and_the_advice_is_for_the_oldest() -> None:
    advice = advise(EXPORT, Versions())
    assert advice.refused is None
    assert {each.ok for each in advice.gates} == {None}
    assert {each.have for each in advice.gates} == {"unknown"}
    sentence = Words(advice, "en").sentence()
    assert "installed unknown, schema unknown" in sentence
    assert f"is unknown, so this is the advice for the oldest that is looked after, {OLDEST}" in sentence


def test_a_bound_that_may_be_either_side_is_unknown_too() -> None:
    feature = FEATURES["tasks"]
    for bound, ok in (
        (Engine("0.0.1", "pyproject.toml", is_exact=False), None),
        (Engine("0.1", "x", is_exact=False), True),
        (Engine("0.0.1", "x", is_exact=False, below="0.1"), False),
    ):
        assert gates_of(feature, Versions(bound))[0].ok is ok


def test_a_schema_that_is_behind_refuses_and_names_the_command() -> None:
    advice = advise(SERVICE, Versions(Engine(VERSION, "uv.lock"), 10))
    told = as_json(advice)
    assert (told["kind"], told["fallback"]["kind"]) == ("side", "none")
    assert told["refused"]["missing"] == ["schema>=11"]
    assert told["refused"]["upgrade"] == "mainspring migrate"
    assert "process manager" in told["fallback"]["how"]


def test_a_service_is_refused_where_no_process_stays_and_a_fleet_on_one_file() -> None:
    served = advise(SERVICE, Versions(Engine(VERSION, "x"), OLDEST_SCHEMA, Backend.POSTGRES, Profile.SERVERLESS))
    assert served.refused is FEATURES["services"]
    assert served.fallback is Kind.NONE
    assert [gate.need for gate in served.gates if gate.ok is False] == ["deployment=single-host, fleet"]
    spread = as_json(advise(EXPORT, Versions(Engine(VERSION, "x"), OLDEST_SCHEMA, Backend.SQLITE, Profile.FLEET)))
    assert (spread["kind"], spread["fallback"]["kind"], spread["refused"]["missing"]) == ("adhoc", "adhoc", ["backend=postgres"])
    assert "loses something" not in spread["sentence"]
    assert advise(EXPORT, Versions(Engine(VERSION, "x"), OLDEST_SCHEMA, Backend.SQLITE, Profile.SINGLE_HOST)).refused is None


def test_what_a_definition_would_use_besides_is_gated_and_refuses_nothing() -> None:
    advice = advise(
        said(recurring=True, user_triggered=False, duration=Length.LONG, survive_restart=True), Versions(Engine(VERSION, "x"), 9)
    )
    assert advice.refused is None
    assert [(gate.feature, gate.ok) for gate in advice.gates if gate.ok is False] == [("overlap", False)]


def test_plain_code_needs_no_version() -> None:
    assert passage(Kind.NONE, Versions()).gates == ()
    assert needed_engine(Kind.NONE) == OLDEST


def test_the_table_of_features_is_true_of_this_engine() -> None:
    """Names that it speaks of exist where the engine has the feature, and do not where it has not; schemas are real."""
    assert newest("sqlite") >= OLDEST_SCHEMA
    for feature in FEATURES.values():
        assert 0 < feature.schema <= newest("sqlite"), feature.name
        assert feature.schema == NEEDS_SCHEMA.get(feature.name, feature.schema)
        for name in feature.names:
            owner, _, attribute = name.rpartition(".")
            place = mainspring if owner == "mainspring" else getattr(mainspring, owner.rpartition(".")[2])
            assert hasattr(place, attribute) is feature.is_in_engine(VERSION), name
    assert set(OF_KIND) == set(Kind) - {Kind.NONE}
    assert BY_NAME["mainspring.cron"] is FEATURES["schedules"]
    assert BY_OPTION["depends_on"] is FEATURES["dependencies"]
    assert not FEATURES["workflows"].is_in_engine("99")


@pytest.mark.parametrize("language", ["en", "de", "pl"])
def test_everything_that_can_be_said_has_words_in_every_language(language: str) -> None:
    texts = [
        "charge, then provision, then notify; resume after a crash",
        "every night at 3 clean up",
        "listen on the broker",
        "set a cookie",
        "resize image",
        "remind them 2 hours before the visit",
        "once a minute at most rebuild the index",
        "write my own queue",
        "stream the tokens to the browser",
        "every minute look whether a user asked for an export",
        "wait for approval, then pay",
    ]
    places = [Versions(), NEW, Versions(Engine("0.0.1", "x"), 1, Backend.SQLITE, Profile.SERVERLESS)]
    for text in texts:
        for versions in places:
            advice = advise(NOTHING, versions, description=describe(text, "en"))
            words = Words(advice, language)
            assert words.sentence() and "{" not in words.sentence().replace("{subject_id}", "")
            assert all(words.checklist())
            [words.gate(gate) for gate in advice.gates]
            [words.question(number) for number in range(len(advice.questions))]
            assert as_text(advice)
    for feature in FEATURES.values():
        assert t(f"advise.fallback.{feature.name}", language=language)
        assert all(t(f"advise.loss.{loss}", language=language) for loss in feature.losses)


def test_the_advisor_looks_at_nothing_that_runs() -> None:
    """Advice is made of text and tables: no engine, store, registry, app or face below the command."""
    folder = Path(mainspring.__file__).parent / "advisor"
    for path in [*sorted((folder / "advise").rglob("*.py")), folder / "features.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                room = (node.module or "").split(".")[1] if (node.module or "").startswith("mainspring.") else ""
                assert room in ("", "advisor", "core"), f"{path.name} imports {node.module}"
