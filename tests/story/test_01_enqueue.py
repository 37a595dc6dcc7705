"""One: a typed function becomes a durable run.

These tests are meant to be read from top to bottom, and the files in their order. They use the kit that ships with Mainspring
(``ms``): a whole engine on a store in memory, and time that passes only when a test says so.
"""

from mainspring import task
from mainspring.testing import Kit


@task
async def greet(name: str) -> str:
    """Say hello."""
    return f"hello {name}"


def test_a_task_is_still_a_function() -> None:
    """Calling it calls it: nothing is enqueued, nothing is stored."""
    import asyncio

    assert asyncio.run(greet("ann")) == "hello ann"


def test_enqueueing_makes_a_run_that_waits(ms: Kit) -> None:
    """``enqueue`` answers as soon as the run is durable. Nobody has carried it out yet."""
    run = ms.enqueue(greet, name="ann")
    assert ms.state(run) == "pending"


def test_a_worker_carries_it_out(ms: Kit) -> None:
    """``drain`` is what a worker does all day, once."""
    run = ms.enqueue(greet, name="ann")
    ms.drain()
    assert ms.state(run) == "completed"
    assert ms.result(run) == "hello ann"


def test_a_run_remembers_what_happened_to_it(ms: Kit) -> None:
    """Every run has a stream of events, numbered without gaps, that ends with its end."""
    run = ms.enqueue(greet, name="ann")
    ms.drain()
    assert [event.kind.value for event in ms.events(run)] == ["queued", "claimed", "started", "completed"]
    assert [event.seq for event in ms.events(run)] == [1, 2, 3, 4]


def test_a_run_can_wait_for_its_time(ms: Kit) -> None:
    """Options of one call stand before it: ``delay``, ``run_at``, ``priority``, ``queue`` and others."""
    run = ms.enqueue(greet.options(delay="1h"), name="ann")
    ms.drain()
    assert ms.state(run) == "pending"
    ms.advance("1h")
    ms.drain()
    assert ms.state(run) == "completed"


def test_the_urgent_goes_first(ms: Kit) -> None:
    """Five priorities; ageing sees to it that the last one advances as well."""
    order: list[str] = []

    @task
    async def note(name: str) -> None:
        order.append(name)

    ms.enqueue(note.options(priority="background"), name="some day")
    ms.enqueue(note, name="soon")
    ms.enqueue(note.options(priority="critical"), name="now")
    ms.drain()
    assert order == ["now", "soon", "some day"]


def test_a_task_may_enqueue_others(ms: Kit) -> None:
    """Inside a body ``task.enqueue(…)`` finds the app by itself."""

    @task
    async def greet_all(names: list[str]) -> int:
        for name in names:
            await greet.enqueue(name=name)
        return len(names)

    assert ms.run(greet_all, names=["ann", "bob"]) == 2
    ms.drain()
    assert [run.result for run in ms.runs(greet)] == ['"hello ann"', '"hello bob"']
