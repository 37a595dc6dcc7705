"""Dedupe by every door of an app: definitions, options of a call, many at once, bodies, blocking callers, retries by people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mainspring import Dedupe, Mainspring, Secret, Task, task
from mainspring.core.dedupe import DedupePolicy, How
from mainspring.core.errors import AlreadyEnqueued, ConfigurationError, DefinitionError
from mainspring.core.run import Completed
from mainspring.engine.pools import EnqueueReply, EnqueueRequest
from mainspring.testing import Kit
from tests.engine import bodies
from tests.engine.spy import claimed, open_pool, perform, run, shared_template
from tests.fleet import Fleet

__all__ = ["shared_template"]  # a fixture that pytest finds here

cloned: list[tuple[str, str]] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    cloned.clear()


def repo(policy: str | None = None, window: str | None = None, **options: Any) -> Task[..., str]:
    """Return the task of these tests, with a policy of its own."""
    key = "repo:{url}:{path}"

    @task(name="clone-repo", dedupe=key if policy is None else Dedupe(key, policy, window=window), **options)
    async def clone(url: str, path: str = "/", branch: str = "") -> str:
        cloned.append((url, branch))
        return url

    return clone


@pytest.mark.scenario("I5")
def test_what_the_template_does_not_name_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two people who ask for the same clone, each with a reference to a secret of their own, get one."""

    @task(name="clone-repo", dedupe="repo:{url}:{path}")
    async def clone(url: str, path: str, token: Secret) -> None:
        cloned.append((url, token.reveal()))

    names = ("ANNS_TOKEN", "BOBS_TOKEN")
    for name in names:
        monkeypatch.setenv(name, f"the value of {name}")
    with Kit(tasks=[clone], secrets={"env": {name: {"tasks": ["clone-repo"]} for name in names}}) as ms:
        first = ms.enqueue(clone, "git@host:a", "/srv/a", token=Secret("env:ANNS_TOKEN"))
        second = ms.enqueue(clone, "git@host:a", "/srv/a", token=Secret("env:BOBS_TOKEN"))
        assert (second.id, second.is_new, second.how) == (first.id, False, How.EXISTING)
        assert ms.enqueue(clone, "git@host:a", "/srv/b", token=Secret("env:ANNS_TOKEN")).is_new
        ms.drain()
        assert cloned == [("git@host:a", "the value of ANNS_TOKEN")] * 2
        assert [run.key for run in ms.runs("clone-repo")] == ["repo:git@host:a:/srv/a", "repo:git@host:a:/srv/b"]


def _existing(ms: Kit, clone: Task[..., str]) -> None:
    first, second = ms.enqueue(clone, "a"), ms.enqueue(clone, "a", branch="2")
    assert (first.how, second.how, second.id) == ("new", "existing", first.id)
    ms.drain()
    assert ms.enqueue(clone, "a").is_new


def _reject(ms: Kit, clone: Task[..., str]) -> None:
    first = ms.enqueue(clone, "a")
    with pytest.raises(AlreadyEnqueued, match="rejects a second run") as caught:
        ms.enqueue(clone, "a", branch="2")
    assert (caught.value.run_id, caught.value.state, caught.value.code) == (first.id, "pending", "already-enqueued")
    ms.drain()
    assert cloned == [("a", "")]
    assert ms.enqueue(clone, "a").is_new


def _replace(ms: Kit, clone: Task[..., str]) -> None:
    first, second = ms.enqueue(clone, "a"), ms.enqueue(clone, "a", branch="2")
    assert (second.id, second.is_new, second.how) == (first.id, False, "replaced")
    ms.drain()
    assert cloned == [("a", "2")]
    assert ms.result(second) == "a"


def _debounce(ms: Kit, clone: Task[..., str]) -> None:
    first = ms.enqueue(clone, "a")
    ms.advance("20s")
    ms.drain()
    second = ms.enqueue(clone, "a", branch="2")
    assert (second.id, second.is_new, second.how) == (first.id, False, "debounced")
    ms.advance("29s")
    ms.drain()
    assert cloned == []
    ms.advance("1s")
    ms.drain()
    assert cloned == [("a", "2")]


def _once(ms: Kit, clone: Task[..., str]) -> None:
    first = ms.enqueue(clone, "a")
    ms.drain()
    second = ms.enqueue(clone, "a", branch="2")
    assert (second.id, second.is_new, second.how) == (first.id, False, "existing")
    assert ms.result(second) == "a"
    ms.advance("30s")
    assert ms.enqueue(clone, "a", branch="3").is_new


BEHAVIOUR: dict[str, Callable[[Kit, Task[..., str]], None]] = {
    "existing": _existing, "reject": _reject, "replace": _replace, "debounce": _debounce, "once": _once,
}  # fmt: skip
WINDOW = {"debounce": "30s", "once": "30s"}


@pytest.mark.scenario("K4", part="dedupe of a definition")
@pytest.mark.scenario("I3", part="python")
@pytest.mark.parametrize("policy", list(DedupePolicy))
def test_each_policy_of_a_definition_does_what_it_says(ms: Kit, policy: str) -> None:
    BEHAVIOUR[policy](ms, repo(policy, WINDOW.get(policy)))


@pytest.mark.scenario("K4", part="dedupe of a call")
@pytest.mark.parametrize("policy", list(DedupePolicy))
def test_each_policy_of_a_call_does_what_it_says(ms: Kit, policy: str) -> None:
    """What the definition says is only its default."""
    own = repo("once" if policy == "existing" else "existing")
    bound: Any = own.options(dedupe=Dedupe("url={url}", policy, window=WINDOW.get(policy)))
    BEHAVIOUR[policy](ms, bound)
    assert ms.runs()[0].key == "url=a"


def test_a_key_of_a_call_is_taken_as_it_is(ms: Kit) -> None:
    clone = repo("reject")
    first = ms.enqueue(clone.options(key="{url}"), "a")
    again = ms.enqueue(clone.options(key="{url}"), "b")
    assert (again.id, again.how, ms.get(first).key) == (first.id, "existing", "{url}")


def test_a_template_is_checked_at_the_start_and_at_the_call(ms: Kit) -> None:
    clone = repo()
    with pytest.raises(ConfigurationError, match="asks for nonsense"):
        ms.enqueue(clone.options(dedupe="x:{nonsense}"), "a")
    with pytest.raises(ConfigurationError, match="504 characters"):
        ms.enqueue(clone.options(dedupe="{url}{url}"), "a" * 252)
    assert ms.runs() == []

    @task(dedupe="x:{nonsense}")
    async def wrong(url: str) -> None: ...

    with pytest.raises(DefinitionError, match="names the parameter 'nonsense', the task has url"):
        ms.enqueue(wrong, "a")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Dedupe("k", "sometimes"), "choose one of existing, reject, replace, debounce, once"),
        (lambda: Dedupe("k", "debounce"), "needs window="),
        (lambda: Dedupe("k", "replace", window="5s"), "belongs to debounce and once"),
        (lambda: Dedupe("k", "once", window=0), "a millisecond is the least"),
        (lambda: Dedupe("k", "once", window="soon"), "is no duration"),
        (lambda: repo().options(key="k", dedupe="k"), "exclude each other"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(call: Callable[[], object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        call()


@pytest.mark.parametrize("policy", list(DedupePolicy))
def test_many_at_once_are_answered_each_for_itself(ms: Kit, policy: str) -> None:
    clone = repo(policy, WINDOW.get(policy))
    held = ms.enqueue(clone, "held")
    urls = ["a", "held", "b", "a"]
    handles = ms.do(ms.app.enqueue_many(clone, [{"url": url} for url in urls]))
    loser = {"existing": "existing", "reject": "rejected", "replace": "replaced", "debounce": "debounced", "once": "existing"}[policy]
    assert [handle.how for handle in handles] == ["new", loser, "new", loser]
    assert [handle.is_new for handle in handles] == [True, False, True, False]
    assert (handles[1].id, handles[3].id) == (held.id, handles[0].id)


@pytest.mark.parametrize("policy", list(DedupePolicy))
def test_running_at_once_waits_for_the_run_that_won(ms: Kit, policy: str) -> None:
    clone = repo(policy, WINDOW.get(policy))
    ms.enqueue(clone, "a", branch="first")
    if policy == "reject":
        with pytest.raises(AlreadyEnqueued):
            ms.run(clone, "a", branch="second")
    else:
        assert ms.run(clone, "a", branch="second") == "a"
        assert cloned == [("a", "second" if policy in ("replace", "debounce") else "first")]


def test_a_blocking_caller_hears_the_same(tmp_path: Path) -> None:
    clone = repo("reject")
    app = Mainspring(f"sqlite:///{tmp_path}/m.db", tasks=[clone], isolation="inline")
    try:
        first = app.blocking.enqueue(clone, "a")
        with pytest.raises(AlreadyEnqueued) as caught:
            app.blocking.enqueue(clone, "a")
        assert (caught.value.run_id, caught.value.state) == (first.id, "pending")
        again = app.blocking.enqueue(clone.options(dedupe=Dedupe("repo:{url}:{path}", "replace")), "a", branch="2")
        assert (again.id, again.how) == (first.id, "replaced")
    finally:
        app.blocking.close()


@pytest.mark.parametrize("policy", list(DedupePolicy))
def test_a_person_may_retry_whatever_the_key_says(ms: Kit, policy: str) -> None:
    """A task that is to be done once has been done, badly; a person says again."""
    clone = repo(policy, WINDOW.get(policy))
    first = ms.enqueue(clone, "a")
    ms.cancel(first)
    again = ms.retry(first)
    assert (again.is_new, again.how) == (True, "new")
    assert (ms.get(again).retry_of, ms.get(again).key) == (first.id, "repo:a:/")
    ms.drain()
    assert ms.result(again) == "a"  # at once: a retry is not put off by a window
    last = ms.enqueue(clone, "a")
    assert (last.id == again.id) == (policy == "once")  # and it has taken the place of the first


def test_a_retry_answers_an_unfinished_run_of_its_key(ms: Kit) -> None:
    clone = repo("replace")
    first = ms.enqueue(clone, "a", branch="old")
    ms.cancel(first)
    second = ms.enqueue(clone, "a", branch="new")
    again = ms.retry(first)
    assert (again.id, again.how) == (second.id, "existing")
    ms.drain()
    assert cloned == [("a", "new")]  # old words do not replace new ones


def test_a_retry_keeps_the_key_that_its_call_had(ms: Kit) -> None:
    first = ms.enqueue(repo("once").options(key="mine"), "a")
    ms.drain()
    assert ms.get(ms.retry(first)).key == "mine"


# -- lost answers


@pytest.mark.failure(2)
@pytest.mark.parametrize("policy", list(DedupePolicy))
async def test_an_enqueue_whose_answer_was_lost_is_answered_truthfully(fleet: Fleet, policy: str) -> None:
    clone = repo(policy, WINDOW.get(policy))
    app, line = fleet.app("app", [clone])
    await fleet.database.open()
    await app.open()
    line.fail("runs_add" if policy == "existing" else "dedupe_add", "after")
    first = await app.enqueue(clone, "a")
    assert (first.is_new, first.how) == (True, "new")
    if policy in ("replace", "debounce"):
        line.fail("dedupe_add", "after")
        second = await app.enqueue(clone, "a", branch="2")
        assert (second.id, second.how) == (first.id, "replaced" if policy == "replace" else "debounced")
        events = [event async for event in _until(first, "replaced")]
        assert events.count("replaced") == 1
    line.fail("runs_add" if policy == "existing" else "dedupe_add", "after")
    many = await app.enqueue_many(clone, [{"url": "b"}, {"url": "c"}])
    assert [handle.how for handle in many] == ["new", "new"]
    assert [row["n"] for row in await fleet.rows("select count(*) as n from mainspring.hot_runs")] == [3]


async def _until(handle: Any, kind: str) -> Any:
    async for event in handle.events():
        yield str(event.kind)
        if event.kind == kind:
            return


async def test_the_pruner_sweeps_keys_whose_time_is_over(fleet: Fleet) -> None:
    clone = repo("once", "30s")
    node = await fleet.node("a", [clone])
    await node.app.enqueue(clone, "a")
    await node.tick("heartbeat", "worker", "pruner")
    assert len(await fleet.rows("select * from mainspring.dedupe")) == 1
    await fleet.advance(30)
    for _ in range(6):  # it looks once a minute
        await node.tick("heartbeat", "pruner")
    assert await fleet.rows("select * from mainspring.dedupe") == []


# -- bodies


@pytest.mark.scenario("K4", part="dedupe over the pipe")
@pytest.mark.parametrize("kind", ["async", "def"])
def test_a_body_in_a_child_asks_and_hears_by_the_same_words(kind: Any) -> None:
    body = bodies.enqueue_keyed if kind == "async" else bodies.enqueue_keyed_def

    async def story() -> None:
        async with open_pool(kind) as (pool, spy):
            spy.answer = EnqueueReply(id="a-run", how="debounced")
            assert await perform(pool, spy, claimed(body)) == Completed('["a-run",false,"debounced"]')
            (request,) = spy.requests
            assert request.call is not None and request.call.dedupe == Dedupe("a:{a}", "debounce", window="90s")
            assert request.call.tenant == "acme"
            spy.answer = EnqueueReply(id="held", code="already-enqueued", message="it is there", state="running")
            assert await perform(pool, spy, claimed(body)) == Completed('["held","running","it is there"]')

    run(story())


def test_the_engine_answers_a_body_by_its_policies(ms: Kit) -> None:
    clone = repo("reject")
    first = ms.enqueue(clone, "a")
    parent = claimed("parent")

    def spawn(call: Any = None) -> EnqueueReply:
        return ms.do(ms.app._enqueuer.spawn(EnqueueRequest(clone.name, '{"url":"a"}', call), parent))

    rejected = spawn()
    assert (rejected.id, rejected.code, rejected.state) == (first.id, "already-enqueued", "pending")
    call = clone.options(dedupe=Dedupe("repo:{url}:{path}", "debounce", window=timedelta(minutes=2))).call
    told = spawn(call)
    assert (told.id, told.is_new, told.how, told.code) == (first.id, False, "debounced", None)
    assert spawn(clone.options(key="other").call).how == "new"


async def test_a_key_is_handed_over_while_its_run_is_in_a_body(fleet: Fleet) -> None:
    """The whole way: the body of the first goes on and is delivered once, the follower is carried out beside it with the last words."""
    release = asyncio.Event()
    seen: list[int] = []

    @task(dedupe=Dedupe("sync", "replace"))
    async def sync(version: int) -> int:
        seen.append(version)
        if version == 1:
            await release.wait()
        return version

    node = await fleet.node("a", [sync], drives=True)
    first = await node.app.enqueue(sync, 1)
    while not seen:
        await asyncio.sleep(0.1)
    answers = [await node.app.enqueue(sync.options(delay=1), version) for version in (2, 3)]
    assert [answer.how for answer in answers] == ["new", "replaced"]
    assert await answers[1].result() == 3
    release.set()
    assert await first.result() == 1
    assert seen == [1, 3]
    assert (await first.status()).attempt == 1
