"""Written exceptions: where they stand, what they cover, and when they are refused."""

from __future__ import annotations

from datetime import date

import pytest

from mainspring.advisor import directives, ratchet
from mainspring.advisor.allow import parse
from mainspring.advisor.catalogue import RULES
from mainspring.advisor.finding import Finding, Ground, Judged, Kind, Place, Role, Severity, Status
from mainspring.advisor.fixes import edited
from mainspring.advisor.read.facts import Comment, Decorator, FileFacts, Function
from mainspring.advisor.report import Accepted
from mainspring.advisor.settings import FileAllow, Settings

TODAY = date(2026, 6, 1)
GOOD = "# mainspring: allow[MS101] sub-second -- one in-memory counter, losing it is harmless"


def comments_of(text: str) -> tuple[Comment, ...]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if "#" in line and "mainspring:" in line:
            at = line.index("#")
            found.append(Comment(line[at:], number, at + 1, not line[:at].strip()))
    return tuple(found)


def source_of(text: str, *, statements: tuple[tuple[int, int], ...] = (), functions: tuple[Function, ...] = ()) -> directives.Source:
    facts = FileFacts("shop/views.py", "shop.views", comments=comments_of(text), statements=statements, outermost=functions)
    return directives.Source(facts, text.split("\n"), directives.is_generated(text.encode()))


def finding(line: int, code: str = "MS101", contradicts: tuple[tuple[Ground, str], ...] = ()) -> Finding:
    place = Place(line, 5, line, 20)
    return Finding(code, "shop/views.py", place, Severity.ERROR, Kind.ADHOC, Role.HANDLER, "pay", "spawn()", contradicts=contradicts)


def judge(
    text: str, *findings: Finding, settings: Settings | None = None, is_engine: bool = False, source: directives.Source | None = None
) -> tuple[list[Judged], list[Accepted]]:
    settings = settings or Settings()
    given = source or source_of(text)
    return directives.judge(findings, given, settings, TODAY, is_engine, frozenset(settings.codes), ratchet.Fingerprints())


def open_codes(judged: list[Judged]) -> list[str]:
    return sorted(each.finding.code for each in judged if each.status is Status.OPEN)


@pytest.mark.scenario("G-15", part="directive")
@pytest.mark.scenario("S0-35", part="justified")
class TestPlacement:
    @pytest.mark.parametrize("text", [f"{GOOD}\nspawn()", f"spawn()  {GOOD}", f"{GOOD}\n# and this is why\nspawn()"])
    def test_above_or_at_the_end_it_covers_the_statement_and_is_listed(self, text: str) -> None:
        line = 1 + text.index("spawn()") and text[: text.index("spawn()")].count("\n") + 1
        judged, accepted = judge(text, finding(line))
        assert [each.status for each in judged] == [Status.SUPPRESSED]
        assert judged[0].justification is not None
        assert (judged[0].justification.ground, judged[0].justification.reason[:3]) == ("sub-second", "one")
        assert [len(each.covers) for each in accepted] == [1]

    def test_at_the_last_line_of_a_long_statement(self) -> None:
        text = f"spawn(\n    work,\n)  {GOOD}"
        judged, _ = judge(text, finding(1), source=source_of(text, statements=((1, 3),)))
        assert [each.status for each in judged] == [Status.SUPPRESSED]

    def test_in_the_middle_of_a_statement_it_covers_only_its_own_line(self) -> None:
        text = f"spawn(\n    work,  {GOOD}\n)"
        judged, _ = judge(text, finding(1), source=source_of(text, statements=((1, 3),)))
        assert open_codes(judged) == ["MS004", "MS101"]

    @pytest.mark.parametrize(("text", "line"), [(f"{GOOD}\n\nspawn()", 3), (f"{GOOD}\nother()\nspawn()", 3), (f"spawn()\n{GOOD}\n", 1)])
    def test_elsewhere_it_covers_nothing(self, text: str, line: int) -> None:
        assert open_codes(judge(text, finding(line))[0]) == ["MS004", "MS101"]

    def test_only_the_statement_and_not_the_block_below_it(self) -> None:
        text = f"{GOOD}\nif ready:\n    spawn()"
        judged, _ = judge(text, finding(3), source=source_of(text, statements=((3, 3),)))
        assert open_codes(judged) == ["MS004", "MS101"]

    def test_above_the_decorators_it_covers_the_function_that_they_decorate(self) -> None:
        text = f"{GOOD}\n@app.get('/')\n@limited(\n    5,\n)\nasync def pay():\n    spawn()"
        heads = (Decorator("app.get", (), (), Place(2, 1, 2, 14), True), Decorator("limited", (), (), Place(3, 1, 5, 2), True))
        function = Function("pay", Place(6, 1, 7, 12), is_async=True, decorators=heads)
        source = source_of(text, statements=((2, 2), (3, 5), (7, 7)), functions=(function,))
        assert [each.status for each in judge(text, finding(6), source=source)[0]] == [Status.SUPPRESSED]
        assert open_codes(judge(text, finding(7), source=source)[0]) == ["MS004", "MS101"]

    def test_it_covers_the_codes_that_it_names_and_no_others(self) -> None:
        assert open_codes(judge(f"spawn()  {GOOD}", finding(1), finding(1, "MS110"))[0]) == ["MS110"]


@pytest.mark.scenario("G-15", part="refused")
class TestRefused:
    @pytest.mark.parametrize(
        ("comment", "code"),
        [
            ("# mainspring: allow sub-second -- one in-memory counter, harmless", "MS001"),
            ("# mainspring: allow[] sub-second -- one in-memory counter, harmless", "MS001"),
            ("# mainspring: allow[MS999] sub-second -- one in-memory counter, harmless", "MS001"),
            ("# mainspring: allow[MS004] sub-second -- one in-memory counter, harmless", "MS001"),
            ("# mainspring: allow[MS101, noqa] sub-second -- one in-memory counter, harmless", "MS001"),
            ("# mainspring: noqa", "MS001"),
            ("# mainspring: ignore[MS101] sub-second -- one in-memory counter", "MS001"),
            ("# mainspring: allow[MS101] -- one in-memory counter, losing it is harmless", "MS002"),
            ("# mainspring: allow[MS101] harmless -- one in-memory counter, losing it", "MS002"),
            ("# mainspring: allow[MS101] sub-second one in-memory counter, losing it is harmless", "MS002"),
            ("# mainspring: allow[MS101] sub-second", "MS003"),
            ("# mainspring: allow[MS101] sub-second -- it is so", "MS003"),
            ("# mainspring: allow[MS101] sub-second -- incomprehensibilities notwithstanding", "MS003"),
            ("# mainspring: allow[MS101] sub-second -- detached-asyncio-task", "MS003"),
            ("# mainspring: disable", "MS007"),
            ("# mainspring: allow-file[MS101] sub-second -- one in-memory counter", "MS007"),
        ],
    )
    def test_it_says_why_and_the_finding_stays(self, comment: str, code: str) -> None:
        judged, accepted = judge(f"spawn()  {comment}", finding(1))
        assert open_codes(judged) == sorted([code, "MS101"])
        assert accepted == []

    @pytest.mark.parametrize(
        "comment", ["# noqa", "# noqa: MS101", "# ruff: ignore[MS101]", "# nosec", "# type: ignore", "# Mainspring: allow[MS101]"]
    )
    def test_what_other_tools_read_never_counts(self, comment: str) -> None:
        assert parse(comment) is None

    def test_prose_about_the_product_is_no_directive(self) -> None:
        assert parse("# mainspring: the engine wakes here") is None

    def test_a_reason_that_is_missing_is_told_apart_from_one_that_is_short(self) -> None:
        for said, variant in (("", "empty"), (" -- it is so", "")):
            judged, _ = judge(f"spawn()  # mainspring: allow[MS101] sub-second{said}", finding(1))
            assert [each.finding.variant for each in judged if each.finding.code == "MS003"] == [variant]

    def test_a_reason_that_repeats_the_rule_is_none(self) -> None:
        from mainspring.i18n import t

        reason = t("check.MS101.why", language="en")
        judged, _ = judge(f"spawn()  # mainspring: allow[MS101] sub-second -- {reason}", finding(1))
        assert [each.finding.variant for each in judged if each.finding.code == "MS003"] == ["copied"]

    def test_every_rule_but_those_of_exceptions_can_be_allowed(self) -> None:
        for code in RULES:
            said = f"spawn()  # mainspring: allow[{code}] outside-engine -- the shop's own daemon keeps it in its table"
            judged, _ = judge(said, finding(1, code), settings=Settings(select=("MS",)))
            assert (open_codes(judged) == []) is not code.startswith("MS00")


@pytest.mark.scenario("G-16", part="directive")
class TestGrounds:
    def test_a_ground_that_a_rule_contradicts_is_refused_with_what_says_so(self) -> None:
        wrong = finding(1, contradicts=((Ground.SUB_SECOND, "requests.post(timeout=30) in shop.mail.send"),))
        judged, accepted = judge(f"spawn()  {GOOD}", wrong)
        assert open_codes(judged) == ["MS005", "MS101"]
        assert accepted == []
        told = next(each.finding for each in judged if each.finding.code == "MS005")
        assert dict(told.values)["because"] == "requests.post(timeout=30) in shop.mail.send"

    def test_another_ground_is_not_contradicted_by_it(self) -> None:
        wrong = finding(1, contradicts=((Ground.PROCESS_LOCAL, "writes rows"),))
        assert open_codes(judge(f"spawn()  {GOOD}", wrong)[0]) == []

    def test_engine_internal_is_true_in_engines_only(self) -> None:
        text = "spawn()  # mainspring: allow[MS101] engine-internal -- the loop of the engine itself, which it stops"
        assert open_codes(judge(text, finding(1))[0]) == ["MS005", "MS101"]
        assert open_codes(judge(text, finding(1), is_engine=True)[0]) == []


@pytest.mark.scenario("G-17", part="dates")
class TestDates:
    @pytest.mark.parametrize(
        ("said", "variant"),
        [
            ("migration -- moves to a task with the billing rewrite", "missing"),
            ("migration until=2026-05-31 -- moves to a task with the billing rewrite", ""),
            ("migration until=2026-11-29 -- moves to a task with the billing rewrite", "far"),
            ("migration until=soon -- moves to a task with the billing rewrite", "unreadable"),
            ("process-local until=2026-05-31 -- refreshes this worker's own gauges only", ""),
        ],
    )
    def test_a_date_that_is_over_or_no_date_or_too_far_is_refused(self, said: str, variant: str) -> None:
        judged, _ = judge(f"spawn()  # mainspring: allow[MS101] {said}", finding(1))
        assert open_codes(judged) == ["MS006", "MS101"]
        assert [each.finding.variant for each in judged if each.finding.code == "MS006"] == [variant]

    @pytest.mark.parametrize("until", ["2026-06-01", "2026-11-28"])
    def test_until_the_day_itself_it_holds(self, until: str) -> None:
        text = f"spawn()  # mainspring: allow[MS101] migration until={until} -- moves to a task with the rewrite"
        judged, _ = judge(text, finding(1))
        assert open_codes(judged) == []
        assert judged[0].justification is not None
        assert judged[0].justification.until == until


@pytest.mark.scenario("G-17", part="unused")
class TestUnused:
    def test_what_covers_nothing_is_told_and_can_be_removed(self) -> None:
        text = f"x = 1  {GOOD}\n{GOOD}\ny = 2\n"
        judged, _ = judge(text)
        assert open_codes(judged) == ["MS004", "MS004"]
        after, n = edited(text.encode(), [each.finding.edits for each in judged])
        assert (after, n) == (b"x = 1\ny = 2\n", 2)

    def test_what_other_tools_read_stays(self) -> None:
        text = f"x = 1  # noqa: E1  {GOOD}\n"
        judged, _ = judge(text, source=source_of(text))
        after, _ = edited(text.encode(), [each.finding.edits for each in judged])
        assert after == b"x = 1  # noqa: E1\n"

    def test_of_two_codes_only_the_unused_one_goes(self) -> None:
        text = f"spawn()  {GOOD.replace('MS101', 'MS101, MS202')}\n"
        judged, _ = judge(text, finding(1))
        assert [(each.finding.code, each.finding.variant) for each in judged if each.status is Status.OPEN] == [("MS004", "part")]
        after, _ = edited(text.encode(), [each.finding.edits for each in judged if each.finding.edits])
        assert after.decode() == f"spawn()  {GOOD}\n"

    def test_of_rules_that_did_not_run_nobody_knows(self) -> None:
        assert open_codes(judge(f"x = 1  {GOOD}", settings=Settings(select=("MS0", "MS2")))[0]) == []

    def test_what_is_refused_is_not_unused_as_well(self) -> None:
        assert open_codes(judge("x = 1  # mainspring: allow[MS101] sub-second")[0]) == ["MS003"]


class TestWide:
    def test_more_exceptions_than_a_file_may_have(self) -> None:
        text = "\n".join(f"spawn()  {GOOD}" for _ in range(4))
        found = [finding(line) for line in range(1, 5)]
        assert open_codes(judge(text, *found)[0]) == ["MS007"]
        assert open_codes(judge(text, *found, settings=Settings(max_allows_per_file=4))[0]) == []

    def test_a_whole_file_is_excepted_by_the_configuration_where_a_program_wrote_it(self) -> None:
        wide = Settings(
            per_file_allow=(FileAllow("shop/*.py", "allow[MS101] process-local -- written by the client generator", "pyproject.toml"),)
        )
        judged, accepted = judge("# @generated by tools\nspawn()", finding(2), settings=wide)
        assert open_codes(judged) == []
        assert [(each.justification.path, each.justification.line) for each in accepted] == [("shop/views.py", 0)]
        assert open_codes(judge("spawn()", finding(1), settings=wide)[0]) == ["MS007", "MS101"]

    def test_or_where_it_will_soon_be_another(self) -> None:
        said = "allow[MS101] migration until=2026-09-01 -- moves to tasks with the billing rewrite"
        wide = Settings(per_file_allow=(FileAllow("shop/*.py", said, "pyproject.toml"),))
        assert open_codes(judge("spawn()", finding(1), settings=wide)[0]) == []
