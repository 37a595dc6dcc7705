"""The decision: every row of the table, the seed's own questions, what is asked, what is assumed aloud, and what is never filled in."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from mainspring.advisor.advise.advice import Advice, advise, of_finding
from mainspring.advisor.advise.answers import NOTHING, Answers, Length, Question, length_of, parse_length, read_answers
from mainspring.advisor.advise.checklist import timeout_for
from mainspring.advisor.advise.cues.lexicon import Special
from mainspring.advisor.advise.decide import KIND_OF, Case, Rule, decide, decided, kinds, open_questions
from mainspring.advisor.advise.describe import describe
from mainspring.advisor.finding import Kind
from mainspring.core.errors import ConfigurationError

NO: dict[Question, bool] = dict.fromkeys((each for each in Question if each is not Question.DURATION), False)


def answers(duration: Length | None = None, **said: bool) -> Answers:
    """Return answers: those that are named, no to every other question."""
    found = NOTHING
    for question, value in {**NO, **{Question(name): value for name, value in said.items()}}.items():
        found = found.given(question, value)
    return found if duration is None else found.given(Question.DURATION, duration)


def some(**said: bool | Length) -> Answers:
    """Return answers to these questions alone."""
    found = NOTHING
    for name, value in said.items():
        found = found.given(Question(name), value)
    return found


def kind_of(advice: Advice) -> str | None:
    return None if advice.kind is None else str(advice.kind)


# The table, a row a line.
ROWS = [
    (answers(Length.LONG, multi_step=True, survive_restart=True, user_triggered=True), Rule.STEPS, "workflow"),
    (answers(Length.SHORT, multi_step=True, retried=True, user_triggered=True), Rule.STEPS, "workflow"),
    (answers(Length.LONG, multi_step=True, survive_restart=True, recurring=True), Rule.STEPS, "workflow"),
    (answers(Length.FOREVER, survive_restart=True), Rule.SERVICE, "side"),
    (answers(Length.FOREVER), Rule.OWN_LOOP, "none"),
    (answers(Length.FOREVER, user_triggered=True), Rule.ON_DEMAND, "adhoc"),
    (answers(Length.LONG, recurring=True), Rule.CLOCK, "cron"),
    (answers(Length.SHORT, schedule=True), Rule.CLOCK, "cron"),
    (answers(Length.LONG, housekeeping=True), Rule.CLOCK, "cron"),
    (answers(Length.INSTANT, recurring=True, survive_restart=True), Rule.CLOCK, "cron"),
    (answers(Length.INSTANT, recurring=True), Rule.OWN_REFRESH, "none"),
    (answers(Length.LONG, user_triggered=True, stream=True), Rule.STREAM, "none"),
    (answers(Length.LONG, user_triggered=True, stream=True, survive_restart=True), Rule.ON_DEMAND, "adhoc"),
    (answers(Length.INSTANT, user_triggered=True), Rule.INSTANT, "none"),
    (answers(Length.INSTANT, user_triggered=True, survive_restart=True), Rule.INSTANT, "none"),
    (answers(Length.INSTANT, user_triggered=True, network=True), Rule.SHORT, "none"),
    (answers(Length.INSTANT, user_triggered=True, network=True, survive_restart=True), Rule.ON_DEMAND, "adhoc"),
    (answers(Length.SHORT, user_triggered=True, network=True), Rule.SHORT, "none"),
    (answers(Length.SHORT, user_triggered=True, retried=True), Rule.ON_DEMAND, "adhoc"),
    (answers(Length.SHORT, user_triggered=True, polled=True), Rule.ON_DEMAND, "adhoc"),
    (answers(Length.SHORT, user_triggered=True, survive_restart=True), Rule.ON_DEMAND, "adhoc"),
    (answers(Length.LONG, user_triggered=True), Rule.ON_DEMAND, "adhoc"),
    (answers(Length.LONG, user_triggered=True, recurring=True), Rule.ON_DEMAND, "adhoc"),
    (answers(Length.LONG), Rule.ON_DEMAND, "adhoc"),
]


@pytest.mark.scenario("G-26", part="with answers")
@pytest.mark.scenario("Q5", part="decision")
@pytest.mark.parametrize(("given", "rule", "kind"), ROWS)
def test_every_row_of_the_table_with_everything_answered(given: Answers, rule: Rule, kind: str) -> None:
    advice = advise(given)
    assert (kind_of(advice), advice.questions, advice.assumptions) == (kind, (), ())
    assert advice.decided is not None
    assert advice.decided.rule is rule
    assert {row[1] for row in ROWS} == set(Rule)


def test_the_table_is_total_and_keeps_the_checklist_of_the_rule() -> None:
    """A yes to duration, poll, retry is always a task, and to restart too unless it is done before the answer."""
    seen = 0
    for length, flags in product(Length, product((True, False), repeat=8)):
        user, clock, survive, retried, polled, network, steps, stream = flags
        case = Case(user, clock, length, survive, retried, polled, network, steps, stream)
        kind = KIND_OF[decide(case)]
        seen += 1
        if retried and (user or length is not Length.FOREVER):
            assert kind is not Kind.NONE, case
        if polled and user:
            assert kind is not Kind.NONE, case
        if length is Length.LONG and not stream:
            assert kind is not Kind.NONE, case
        if survive and network:
            assert kind is not Kind.NONE, case
        if kind is Kind.WORKFLOW:
            assert steps and (survive or retried)
        if kind is Kind.CRON:
            assert clock and not user
        if kind is Kind.SIDE:
            assert length is Length.FOREVER and not user
    assert seen == 1024


# The table of the seed about Site Tasks, sections 2, 3 and 7, and the checklist with its counter-examples.
SEED = [
    (
        "triggered by a user, asynchronous, the UI must not block",
        some(user_triggered=True, recurring=False, duration=Length.LONG, survive_restart=True),
        "adhoc",
    ),
    ("export generation initiated by a user", some(user_triggered=True, recurring=False, duration=Length.LONG, polled=True), "adhoc"),
    ("recurring", some(recurring=True, user_triggered=False, duration=Length.LONG, survive_restart=True), "cron"),
    ("time based", some(schedule=True, user_triggered=False, duration=Length.LONG, survive_restart=True), "cron"),
    ("independent of users", some(user_triggered=False, recurring=True, duration=Length.SHORT, survive_restart=True), "cron"),
    ("maintenance or housekeeping", some(housekeeping=True, user_triggered=False, duration=Length.LONG, survive_restart=True), "cron"),
    ("more than five seconds", some(user_triggered=True, recurring=False, duration=Length.LONG), "adhoc"),
    (
        "network, and it may be retried",
        some(user_triggered=True, recurring=False, duration=Length.SHORT, network=True, retried=True),
        "adhoc",
    ),
    (
        "must survive a restart",
        some(user_triggered=True, recurring=False, duration=Length.SHORT, network=True, survive_restart=True),
        "adhoc",
    ),
    ("the client polls", some(user_triggered=True, recurring=False, duration=Length.SHORT, polled=True), "adhoc"),
    ("on a schedule", some(schedule=True, user_triggered=False, duration=Length.SHORT, survive_restart=True), "cron"),
    ("several steps", some(multi_step=True, survive_restart=True), "workflow"),
    (
        "sub-second, needs no durability",
        some(
            user_triggered=True, recurring=False, duration=Length.INSTANT, network=False, survive_restart=False, retried=False, polled=False
        ),
        "none",
    ),
    (
        "bound to one stream",
        some(
            user_triggered=True,
            recurring=False,
            stream=True,
            survive_restart=False,
            retried=False,
            polled=False,
            multi_step=False,
            duration=Length.LONG,
        ),
        "none",
    ),
    ("runs until stopped", some(duration=Length.FOREVER, user_triggered=False, survive_restart=True), "side"),
]


@pytest.mark.scenario("S0-34", part="table")
@pytest.mark.parametrize(("row", "given", "kind"), SEED, ids=[row for row, _, _ in SEED])
def test_every_row_of_the_seed_is_settled_and_gives_its_reason(row: str, given: Answers, kind: str) -> None:
    advice = advise(given)
    assert kind_of(advice) == kind
    assert advice.is_settled
    assert advice.reasons or kind == "none"
    assert advice.rejected


def test_what_is_open_and_matters_is_asked_with_the_kind_of_each_answer() -> None:
    advice = advise(some(user_triggered=True, recurring=False))
    assert not advice.is_settled
    asked = {each.question: dict(each.leads) for each in advice.questions}
    assert set(asked) == {Question.DURATION, Question.SURVIVE, Question.RETRIED, Question.POLLED, Question.NETWORK}
    assert asked[Question.DURATION][Length.LONG] == (Kind.ADHOC,)
    assert set(asked[Question.DURATION][Length.SHORT]) == {Kind.ADHOC, Kind.NONE}
    assert kind_of(advice) == "adhoc"  # provisional, and said to be
    further = advise(advice.answers.given(Question.DURATION, Length.LONG))
    assert further.is_settled


def test_what_is_open_and_does_not_matter_is_not_asked() -> None:
    assert advise(some(multi_step=True, survive_restart=True)).is_settled
    assert open_questions(some(multi_step=True, retried=True)) == []
    assert kinds(some(multi_step=True, retried=True)) == (Kind.WORKFLOW,)


def test_nothing_known_is_no_kind_and_all_the_questions() -> None:
    advice = advise()
    assert (advice.kind, advice.decided, advice.is_settled) == (None, None, False)
    assert advice.questions[0].question is Question.USER_TRIGGERED
    assert decided(NOTHING) is None
    assert advise(description=describe("frobnicate")).kind is None


def test_flags_assume_aloud_what_somebody_would_have_said() -> None:
    advice = advise(some(user_triggered=True, recurring=False, duration=Length.LONG, survive_restart=True))
    [assumption] = advice.assumptions
    assert (assumption.question, assumption.value, assumption.otherwise) == (Question.MULTI_STEP, False, (Kind.WORKFLOW,))


def test_a_description_says_which_words_it_was_understood_by_and_what_else_could_be() -> None:
    advice = advise(description=describe("hash the password during login"))
    assert kind_of(advice) == "none"
    heard = [each for each in advice.assumptions if each.why == "heard"]
    assert [(each.question, each.words, each.otherwise) for each in heard] == [(Question.DURATION, "hash the", (Kind.ADHOC,))]


def test_answers_win_over_what_a_description_says() -> None:
    text = describe("every night send the report")
    assert kind_of(advise(description=text)) == "cron"
    assert kind_of(advise(some(recurring=False, user_triggered=True), description=text)) == "adhoc"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_finding_leads_to_the_kind_that_the_checker_named(kind: Kind) -> None:
    assert advise(of_finding("MS104@shop/views.py:3", kind)).kind is kind


@pytest.mark.scenario("G-27", part="decision")
@pytest.mark.parametrize(
    "text",
    [
        "every 5 minutes check whether a user asked for a report",
        "a cron that looks every minute for new export requests in the table",
        "Alle 5 Minuten prüfen, ob ein Kunde einen Bericht angefordert hat",
        "co 5 minut sprawdzać, czy klient poprosił o raport",
    ],
)
def test_a_clock_that_looks_for_what_users_asked_for_is_refused(text: str) -> None:
    advice = advise(description=describe(text))
    assert kind_of(advice) == "adhoc"
    assert advice.rejected[0] == (Kind.CRON, "adhoc.cron.polls-user-work")
    assert Special.POLLS_USER_WORK in dict(advice.specials)


def test_a_clock_that_polls_an_outside_system_is_a_schedule() -> None:
    assert (
        kind_of(advise(description=describe("every 10 minutes poll the courier's API for tracking updates, there are no webhooks")))
        == "cron"
    )


@pytest.mark.parametrize(
    ("text", "kind", "shape", "code"),
    [
        ("send the reminder 2 hours before the appointment", "adhoc", Special.DELAYED, "adhoc.cron.delayed"),
        ("rebuild the search index after edits, once a minute at most", "adhoc", Special.DEBOUNCE, "adhoc.cron.debounce"),
        ("wait for the manager to approve the request, then pay it out", "workflow", Special.WAITS_FOR_PERSON, "workflow.adhoc"),
        ("write my own queue with a worker loop that resizes uploads", "adhoc", Special.OWN_INFRASTRUCTURE, "own-infrastructure"),
        ("spawn a thread in the view that calls the CRM", "adhoc", Special.OWN_INFRASTRUCTURE, "own-infrastructure"),
    ],
)
def test_shapes_with_advice_of_their_own(text: str, kind: str, shape: Special, code: str) -> None:
    advice = advise(description=describe(text))
    assert kind_of(advice) == kind
    assert shape in dict(advice.specials)
    assert advice.rejected[0][1] == code
    items = {each.name: each for each in advice.checklist}
    if shape is Special.DEBOUNCE:
        assert '"debounce", window=' in items["dedupe"].code
    if shape is Special.DELAYED:
        assert "delay=" in items["dedupe"].code


def test_the_checklist_takes_values_from_the_answers() -> None:
    advice = advise(description=describe("Call the LLM when a ticket is opened, takes 20 to 40 seconds", "en"), name="label")
    items = {each.name: each for each in advice.checklist}
    assert items["timeout"].code == 'timeout="5m"'
    assert items["timeout"].variant == "named"
    assert "retries=5" in items["retry"].code
    assert items["dedupe"].code == 'dedupe=Dedupe("label:{subject_id}")'
    assert items["secrets"].variant == "reference"
    nightly = {each.name: each.code for each in advise(description=describe("send the summary at 7:30 Europe/Warsaw every day")).checklist}
    assert nightly["schedule"] == 'cron("30 7 * * *", tz="Europe/Warsaw")'
    assert nightly["overlap"] == 'overlap="skip"'
    served = {each.name for each in advise(description=describe("listen on the broker")).checklist}
    assert {"stop", "restart", "probe", "overlap", "tests"} <= served


def test_timeouts_have_room() -> None:
    assert [timeout_for(each) for each in (None, 3, 40, 600, 3600, 10**6)] == ["5m", "10s", "5m", "30m", "2h", "7d"]


def test_lengths() -> None:
    assert [length_of(each) for each in (0.9, 1, 5, 5.1)] == [Length.INSTANT, Length.SHORT, Length.SHORT, Length.LONG]
    assert parse_length("5s") == (Length.SHORT, 5.0)
    assert parse_length("forever") == (Length.FOREVER, None)
    assert parse_length("2h") == (Length.LONG, 7200.0)
    with pytest.raises(ConfigurationError, match="--duration='soon' is no length"):
        parse_length("soon", "--duration")


def test_answers_of_a_program_are_checked_field_by_field() -> None:
    found = read_answers({"recurring": False, "user-triggered": True, "duration": "20m", "polled": None})
    assert (found[Question.USER_TRIGGERED], found[Question.DURATION], found[Question.POLLED], found.seconds) == (
        True,
        Length.LONG,
        None,
        1200.0,
    )
    with pytest.raises(ConfigurationError) as caught:
        read_answers({"recuring": True, "network": "yes", "duration": True})
    said = str(caught.value)
    assert "'recuring' is no question" in said and "network='yes'" in said and "duration=True" in said


GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "advise.md").read_text("utf-8")
EXAMPLES = re.findall(r"^\| ([^|`]+) \| `(adhoc|cron|side|workflow|none)` \|$", GUIDE, re.MULTILINE)


@pytest.mark.parametrize(("text", "kind"), EXAMPLES)
def test_the_examples_of_the_guide_are_so(text: str, kind: str) -> None:
    assert kind_of(advise(description=describe(text))) == kind


def test_the_guide_has_every_kind_and_every_row() -> None:
    assert {kind for _, kind in EXAMPLES} == {str(each) for each in Kind}
    assert re.findall(r"^\| (\d) \| ", GUIDE, re.MULTILINE) == ["1", "2", "3", "4", "5", "6", "7"]


def test_plain_code_is_justified_by_what_makes_it_plain() -> None:
    """What is kept by a transaction, what ends with a stream and what each process does for itself are three reasons."""
    rejected = {rule: advise(given).rejected[0][1] for given, rule, kind in ROWS if kind == "none" and given[Question.SURVIVE] is False}
    assert rejected[Rule.STREAM] == "none.adhoc.bound"
    assert rejected[Rule.OWN_LOOP] == rejected[Rule.OWN_REFRESH] == "none.cron"
    assert rejected[Rule.INSTANT] == rejected[Rule.SHORT] == "none.adhoc"
    kept = advise(answers(Length.INSTANT, user_triggered=True, survive_restart=True))
    assert kept.rejected[0][1] == "none.adhoc.kept"
    assert "survive" in {item.name for item in kept.checklist}


def test_a_queue_of_ones_own_is_refused_even_where_nothing_else_is_said() -> None:
    advice = advise(description=describe("write my own job queue"))
    assert (kind_of(advice), advice.rejected[0]) == ("adhoc", (Kind.NONE, "own-infrastructure"))
    assert advice.questions
