"""The ratchet: old findings are forgiven, new ones are not, and nothing is forgiven for ever."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from mainspring.advisor import ratchet
from mainspring.advisor.finding import Finding, Judged, Kind, Place, Role, Severity, Status
from mainspring.core.errors import ConfigurationError

TODAY = date(2026, 6, 1)


def finding(line: int = 3, statement: str = "create_task(send())", path: str = "shop/views.py", code: str = "MS101") -> Finding:
    return Finding(code, path, Place(line, 1, line, 9), Severity.ERROR, Kind.ADHOC, Role.HANDLER, "pay", statement)


def judged(*findings: Finding) -> list[Judged]:
    give = ratchet.Fingerprints()
    return [Judged(each, Status.OPEN, give(each)) for each in findings]


def written(tmp_path: Path, *findings: Finding) -> tuple[ratchet.Entry, ...]:
    file = tmp_path / "ratchet.json"
    ratchet.update(file, judged(*findings), (), TODAY)
    return ratchet.read(file)


def statuses(entries: tuple[ratchet.Entry, ...], *findings: Finding, today: date = TODAY) -> list[Status]:
    return [each.status for each in ratchet.apply(judged(*findings), entries, today)[0]]


@pytest.mark.scenario("G-31", part="ratchet")
class TestForgives:
    def test_code_that_moves_is_still_known(self, tmp_path: Path) -> None:
        entries = written(tmp_path, finding(3))
        assert statuses(entries, finding(300)) == [Status.RATCHETED]
        assert statuses(entries, finding(3, path="shop/payments.py")) == [Status.RATCHETED]
        assert statuses(entries, finding(3, statement="create_task( send() )".replace("( ", "(").replace(" )", ")"))) == [Status.RATCHETED]

    def test_a_statement_that_is_edited_is_new(self, tmp_path: Path) -> None:
        entries = written(tmp_path, finding())
        assert statuses(entries, finding(statement="create_task(send(receipt))")) == [Status.OPEN]
        assert statuses(entries, finding(code="MS103")) == [Status.OPEN]

    def test_a_second_equal_statement_is_new(self, tmp_path: Path) -> None:
        entries = written(tmp_path, finding(3))
        assert statuses(entries, finding(3), finding(9)) == [Status.RATCHETED, Status.OPEN]

    def test_what_is_wrong_with_exceptions_is_never_forgiven(self, tmp_path: Path) -> None:
        assert written(tmp_path, finding(code="MS003")) == ()


class TestEnds:
    def test_after_half_a_year_it_counts_again(self, tmp_path: Path) -> None:
        entries = written(tmp_path, finding())
        last = TODAY + timedelta(days=180)
        assert statuses(entries, finding(), today=last) == [Status.RATCHETED]
        assert statuses(entries, finding(), today=last + timedelta(days=1)) == [Status.OPEN]
        assert ratchet.apply(judged(finding()), entries, last + timedelta(days=1))[1:] == (1, 0)

    def test_writing_it_anew_does_not_lengthen_what_is_known(self, tmp_path: Path) -> None:
        entries = written(tmp_path, finding())
        file = tmp_path / "ratchet.json"
        ratchet.update(file, judged(finding(), finding(statement="other()")), entries, TODAY + timedelta(days=30))
        assert [each.until for each in ratchet.read(file)] == [TODAY + timedelta(days=180), TODAY + timedelta(days=210)]

    def test_entries_that_match_nothing_are_counted(self, tmp_path: Path) -> None:
        assert ratchet.apply([], written(tmp_path, finding()), TODAY)[1:] == (0, 1)


class TestFile:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            "{",
            '{"mainspring-ratchet": 2, "entries": []}',
            '{"mainspring-ratchet": 1}',
            '{"mainspring-ratchet": 1, "entries": [{}]}',
        ],
    )
    def test_a_broken_file_is_named_with_the_remedy(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "old.json"
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=r"old\.json"):
            ratchet.read(file)

    def test_a_missing_file_too(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="--update-ratchet"):
            ratchet.read(tmp_path / "none.json")

    def test_it_is_sorted_so_that_two_people_write_the_same(self, tmp_path: Path) -> None:
        written(tmp_path, finding(9, "b()"), finding(3, "a()"))
        one = (tmp_path / "ratchet.json").read_text()
        written(tmp_path, finding(3, "a()"), finding(9, "b()"))
        assert one == (tmp_path / "ratchet.json").read_text()
        assert [each["statement"] for each in json.loads(one)["entries"]] == ["a()", "b()"]


class TestFingerprints:
    def test_equal_statements_of_one_function_are_told_apart_and_stay_when_lines_move(self) -> None:
        first = [each.fingerprint for each in judged(finding(3), finding(4))]
        moved = [each.fingerprint for each in judged(finding(13), finding(14))]
        assert first == moved
        assert len(set(first)) == 2

    def test_files_and_functions_are(self) -> None:
        told = judged(finding(), finding(path="shop/b.py"), replace(finding(), function="refund"))
        assert len({each.fingerprint for each in told}) == 3
