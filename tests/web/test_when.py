"""What people choose in the form of a schedule, as an expression, and back."""

from __future__ import annotations

import pytest

from mainspring.core.schedule import parse_schedule
from mainspring.web.pages.when import When, from_definition, from_form

SAID = [
    ({"how": "minute", "n_minutes": "15"}, "every 15m"),
    ({"how": "hour", "n_hours": "1", "minute": "20"}, "20 * * * *"),
    ({"how": "hour", "n_hours": "6", "minute": "0"}, "0 */6 * * *"),
    ({"how": "day", "time": "03:05"}, "5 3 * * *"),
    ({"how": "week", "time": "9:00"}, "0 9 * * 1,5"),
    ({"how": "month", "day": "31", "time": "00:00"}, "0 0 31 * *"),
    ({"how": "month", "day": "l", "time": "23:59"}, "59 23 L * *"),
    ({"how": "once", "once": "2031-01-31T08:00"}, "at 2031-01-31T08:00"),
    ({"how": "interval", "interval": "2h 30m"}, "every 2h 30m"),
    ({"how": "cron", "cron": "*/5 8-18 * * MON-FRI"}, "*/5 8-18 * * MON-FRI"),
    ({"how": "cron", "cron": "manual"}, "manual"),
]


@pytest.mark.scenario("B-01", part="the form")
@pytest.mark.parametrize(("fields", "expression"), SAID)
def test_what_is_chosen_becomes_an_expression_that_can_be_read(fields: dict[str, str], expression: str) -> None:
    when = from_form(fields, ("1", "5"))
    assert when.expression == expression
    parse_schedule(expression + ("+01:00" if expression.startswith("at ") else ""))


ALSO = ["0 0 1 1 *", "30 7 * * 0", "1,31 * * * *", "5 4 * * 1-5"]


@pytest.mark.parametrize("expression", [expression for _, expression in SAID if not expression.startswith("at ")] + ALSO)
def test_an_expression_comes_back_as_it_was(expression: str) -> None:
    schedule = parse_schedule(expression)
    again = parse_schedule(from_definition(str(schedule.kind), schedule.expression).expression)
    assert (again.kind, again.expression) == (schedule.kind, schedule.expression)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"how": "minute", "n_minutes": "0"}, "n_minutes"), ({"how": "minute", "n_minutes": "5.5"}, "n_minutes"),
        ({"how": "hour", "minute": "60"}, "minute"), ({"how": "day", "time": "25:00"}, "time"), ({"how": "day", "time": ""}, "time"),
        ({"how": "week", "time": "09:00"}, "weekdays"), ({"how": "month", "day": "32"}, "day"), ({"how": "once", "once": " "}, "once"),
        ({"how": "cron", "cron": "*," * 400}, "cron"), ({"how": "interval", "interval": ""}, "interval"),
        ({"how": "minute", "n_minutes": "9" * 5000}, "n_minutes"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_names_its_field(fields: dict[str, str], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}$"):
        _ = from_form(fields, ()).expression


def test_an_unknown_way_is_the_usual_one() -> None:
    assert from_form({"how": "'; drop table"}, ()).how == "day"
    assert When().expression == "0 3 * * *"


@pytest.mark.parametrize(
    ("moment", "tz", "shown"),
    [
        ("2031-01-31T08:00:00+00:00", "Europe/Berlin", "2031-01-31T09:00"),
        ("2031-01-31T08:00:30+00:00", "UTC", "2031-01-31T08:00:30+00:00"),
        ("2031-10-26T01:30:00+00:00", "Europe/Berlin", "2031-10-26T01:30:00+00:00"),  # the clock shows that time twice: this is the second
    ],
)  # fmt: skip
def test_a_time_is_shown_as_its_clocks_do_where_that_says_it_all(moment: str, tz: str, shown: str) -> None:
    assert from_definition("at", moment, tz)["once"] == shown
