"""Overlap policies and dependencies as values."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring import Dependency, Overlap, every, task
from mainspring.core.dependency import dump_dependencies, find_cycle, parse_dependencies
from mainspring.core.errors import ConfigurationError, DefinitionError
from mainspring.core.overlap import SKIP, Gate, Policy, overlap_key, parse_overlap
from mainspring.core.run import NewRun


@pytest.mark.parametrize(
    ("text", "policy", "most", "shown"),
    [
        ("skip", Policy.SKIP, None, "skip"),
        ("queue", Policy.QUEUE, 1, "queue:1"),
        ("queue:3", Policy.QUEUE, 3, "queue:3"),
        (" replace ", Policy.REPLACE, None, "replace"),
        ("allow", Policy.ALLOW, None, "allow"),
        ("allow:4", Policy.ALLOW, 4, "allow:4"),
    ],
)
def test_policies_are_read_and_written(text: str, policy: Policy, most: int | None, shown: str) -> None:
    overlap = parse_overlap(text)
    assert (overlap.policy, overlap.most, str(overlap)) == (policy, most, shown)
    assert parse_overlap(str(overlap)) == overlap
    assert parse_overlap(overlap) is overlap


@pytest.mark.parametrize("text", ["", "skipp", "queue:", "queue:x", "queue:-1", "queue:1.5", "queue: 3", 3, None, True, ["skip"]])
def test_what_is_no_policy_is_refused_with_all_that_are(text: Any) -> None:
    with pytest.raises(ConfigurationError, match="is no overlap policy: write skip, queue, queue:3, replace, allow or allow:4"):
        parse_overlap(text)


@pytest.mark.parametrize("text", ["skip:2", "replace:1", "queue:0", "allow:0", "queue:1001"])
def test_a_number_has_its_place_and_its_bounds(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"Overlap\(most\)"):
        parse_overlap(text)


def test_a_key_is_checked_as_others_are() -> None:
    assert Overlap("skip", key="repo:{url}").key is not None
    with pytest.raises(ConfigurationError, match=r"Overlap\(key\)"):
        Overlap("skip", key="repo:{url!r}")
    with pytest.raises(ConfigurationError, match=r"Overlap\(policy\)='never' is unknown"):
        Overlap("never")


def test_only_an_unbounded_allow_asks_nobody() -> None:
    assert [parse_overlap(text).is_gate for text in ("skip", "queue", "replace", "allow:1", "allow")] == [True, True, True, True, False]


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.:-]{0,5}", fullmatch=True)
TEXTS = st.text(st.sampled_from("ab/=:"), max_size=6)


@given(st.lists(st.tuples(NAMES, TEXTS, TEXTS.filter(bool) | st.none()), min_size=2, max_size=8, unique=True))
def test_no_two_of_task_tenant_and_text_share_a_key(parts: list[tuple[str, str, str | None]]) -> None:
    assert len({overlap_key(*each) for each in parts}) == len(parts)


def test_keys_of_one_task_do_not_meet_those_of_another() -> None:
    tricky = ["", "a", "/", "=", "/=", "//", "a/=b", "=a"]
    made = [overlap_key(name, tenant, text) for name, tenant, text in product(("t", "t.a"), tricky, [None, *tricky[1:]])]
    assert len(set(made)) == len(made)


# -- on tasks


def test_a_task_says_what_becomes_of_overlaps_and_with_a_schedule_skips_them() -> None:
    @task
    def plain() -> None: ...

    @task(schedule=every("1m"))
    def scheduled() -> None: ...

    @task(schedule=every("1m"), overlap="allow")
    def free() -> None: ...

    @task(overlap="queue:2")
    def queued() -> None: ...

    assert [each.spec.overlap_policy for each in (plain, scheduled, free, queued)] == [None, SKIP, None, Overlap("queue", most=2)]


def test_a_bad_option_is_told_with_the_others() -> None:
    @task(overlap="sometimes", depends_on=[3])  # type: ignore[list-item]
    def bad(url: str) -> None: ...

    @task(overlap=Overlap("skip", key="repo:{link}"))
    def astray(url: str) -> None: ...

    assert [word in str(bad.problems()) for word in ("overlap='sometimes'", "depends_on: 3 is neither")] == [True, True]
    with pytest.raises(DefinitionError, match="overlap: the key 'repo:{link}' names the parameter 'link', the task has url"):
        _ = astray.params


def test_dependencies_are_names_tasks_or_values() -> None:
    @task
    def load() -> None: ...

    assert parse_dependencies("load") == (Dependency("load"),) == parse_dependencies(load)
    found = parse_dependencies([load, "backup", Dependency("mail", within="24h")])
    assert [(each.task, each.within) for each in found] == [("load", None), ("backup", None), ("mail", timedelta(days=1))]
    assert dump_dependencies(found) == '[{"task": "load"}, {"task": "backup"}, {"task": "mail", "within_ms": 86400000}]'
    assert dump_dependencies(()) is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (3, "depends_on=3: names of tasks are needed"),
        ([""], "is neither a task, its name nor a Dependency"),
        (["a", Dependency("a")], "names 'a' twice"),
        ([f"t{n}" for n in range(51)], "names 51 tasks: 50 at most"),
    ],
)
def test_what_cannot_be_depended_on_is_refused(given: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        parse_dependencies(given)


def test_a_window_is_a_second_at_least() -> None:
    with pytest.raises(ConfigurationError, match=r"Dependency\(within\)='500ms' is too short"):
        Dependency("load", within="500ms")
    with pytest.raises(ConfigurationError, match=r"Dependency\(task\)=''"):
        Dependency("")


GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3), max_size=6)


@given(GRAPHS)
def test_a_cycle_is_found_where_there_is_one_and_it_is_one(edges: dict[str, list[str]]) -> None:
    found = find_cycle(edges)
    if found is not None:
        assert found[0] == found[-1] and len(set(found)) == len(found) - 1
        assert all(to in edges[of] for of, to in pairwise(found))
        return
    order: list[str] = []  # without one, tasks can be put in an order in which each follows what it needs
    while len(order) < 6:
        ready = [name for name in "abcdef" if name not in order and set(edges.get(name, ())) <= set(order)]
        assert ready, edges
        order += ready


def test_a_long_chain_is_no_cycle() -> None:
    assert find_cycle({str(n): [str(n + 1)] for n in range(5000)}) is None


def test_a_run_knows_what_it_has_to_be_asked() -> None:
    depends = dump_dependencies([Dependency("load")])
    assert NewRun("r", "t").gate is Gate.OPEN
    assert NewRun("r", "t", depends=depends).gate is Gate.DEPENDENCY
    asked = NewRun("r", "t", overlap=SKIP, overlap_key="t/", is_asked=True, depends=depends)
    assert asked.gate is Gate.OVERLAP
    assert NewRun("r", "t").is_plain
    assert not any(each.is_plain for each in (asked, NewRun("r", "t", depends=depends), NewRun("r", "t", overlap_key="t/")))
