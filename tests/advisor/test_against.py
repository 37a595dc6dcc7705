"""The comparison of the deploy gate: rows and definitions in, groups of what would break out."""

from __future__ import annotations

from collections.abc import Sequence

from mainspring.advisor.against import MOST_GROUPS, Cause, Comparison, Expected, Group, Origin, Stored, Wrong


def expected(name: str, *, version: int = 1, upgrade: bool | None = False, wrong: Sequence[Wrong] = ()) -> Expected:
    return Expected(name, version, upgrade, lambda params: list(wrong))


def compared(*rows: Stored, **tasks: Expected) -> Comparison:
    comparison = Comparison({each.name: each for each in tasks.values()})
    for row in rows:
        comparison.add(row)
    return comparison


def run(task: str = "export", id: str = "1", version: int = 1, params: str | None = "{}") -> Stored:
    return Stored(Origin.RUN, id, task, params, version)


def causes(found: Comparison) -> list[tuple[Cause, str, int]]:
    return [(each.cause, each.where, each.n) for each in found.groups]


def test_what_fits_breaks_nothing() -> None:
    found = compared(run(), run(id="2"), a=expected("export"))
    assert found.groups == [] and found.looked == {Origin.RUN: 2, Origin.SCHEDULE: 0}


def test_a_task_that_is_gone_is_told_with_the_one_that_it_may_be_called_now() -> None:
    found = compared(run("send_mail"), run("zzz"), a=expected("send_mails"))
    assert [(each.task, each.cause, each.nearest) for each in found.groups] == [
        ("send_mail", Cause.GONE, "send_mails"), ("zzz", Cause.GONE, ""),
    ]  # fmt: skip


def test_versions_of_parameters_decide_before_the_parameters_do() -> None:
    wrong = [Wrong(Cause.MISSING, "to")]
    assert causes(compared(run(version=3), a=expected("export", version=2, wrong=wrong))) == [(Cause.NEWER, "", 1)]
    assert causes(compared(run(), a=expected("export", version=2, wrong=wrong))) == [(Cause.NO_UPGRADER, "", 1)]
    upgraded = compared(run(), a=expected("export", version=2, upgrade=True, wrong=wrong))
    assert causes(upgraded) == [] and upgraded.upgraded == 1
    unknown = compared(run(), a=expected("export", version=2, upgrade=None, wrong=wrong))
    assert causes(unknown) == [(Cause.MISSING, "to", 1)], "a manifest that does not say is held to the parameters themselves"


def test_rows_are_grouped_and_a_few_are_named() -> None:
    wrong = [Wrong(Cause.MISSING, "to"), Wrong(Cause.WRONG, "n", "input should be integer")]
    found = compared(
        *(run(id=str(n)) for n in range(10)), Stored(Origin.SCHEDULE, "nightly", "export", "{}"), a=expected("export", wrong=wrong)
    )
    assert found.broken == {Origin.RUN: 10, Origin.SCHEDULE: 1}
    assert found.groups[0] == Group(Origin.RUN, "export", Cause.MISSING, "to", "", 10, ["0", "1", "2"])
    assert [(each.origin, each.cause, each.n) for each in found.groups] == [
        (Origin.RUN, Cause.MISSING, 10), (Origin.RUN, Cause.WRONG, 10),
        (Origin.SCHEDULE, Cause.MISSING, 1), (Origin.SCHEDULE, Cause.WRONG, 1),
    ]  # fmt: skip


def test_parameters_that_lie_elsewhere_are_counted_and_not_called_right() -> None:
    found = compared(run(params=None), a=expected("export", wrong=[Wrong(Cause.MISSING, "to")]))
    assert found.groups == [] and found.elsewhere == 1


def test_a_store_of_garbage_fills_no_memory() -> None:
    found = compared(*(run(f"task-{n}", id=str(n)) for n in range(MOST_GROUPS + 5)), a=expected("export"))
    assert len(found.groups) == MOST_GROUPS and found.is_cut and found.broken[Origin.RUN] == MOST_GROUPS + 5
