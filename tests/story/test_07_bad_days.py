"""Seven: machines die. Runs do not."""

from mainspring import Context, task
from mainspring.testing import Kit

charged: list[str] = []


@task
async def charge(ctx: Context, order: str) -> str:
    charged.append(ctx.run_id)  # stable over all attempts: what other systems need to tell a repetition from a second order
    return f"{order} is paid"


def test_a_run_is_carried_out_by_another_node(ms: Kit) -> None:
    """The power fails while the node has the run. When its lease is over, another takes it: at least once."""
    charged.clear()
    run = ms.enqueue(charge, order="a book")
    ms.crash_at("child_before_call")
    ms.drain()
    assert ms.state(run) == "running"
    ms.advance("2m")
    ms.drain()
    assert ms.result(run) == "a book is paid"
    assert [attempt.outcome for attempt in ms.attempts(run)] == ["lost", "completed"]
    assert charged == [run.id]


def test_a_lost_attempt_costs_no_retry(ms: Kit) -> None:
    """Retries are for the task's own failures."""
    run = ms.enqueue(charge, order="a book")
    ms.crash_at("after_claim_commit")
    ms.drain()
    ms.advance("2m")
    ms.drain()
    seen = ms.get(run)
    assert (seen.attempt, seen.retries) == (2, 0)


def test_it_may_happen_twice_but_only_one_end_counts(ms: Kit) -> None:
    """The body had returned when the power failed, but nobody knew. So it runs again, and its run id tells others that it did."""
    charged.clear()
    run = ms.enqueue(charge, order="a book")
    ms.crash_at("child_after_call")
    ms.drain()
    ms.advance("2m")
    ms.drain()
    assert charged == [run.id, run.id]
    assert [event.kind.value for event in ms.events(run)].count("completed") == 1


def test_what_must_not_happen_twice_says_so(ms: Kit) -> None:
    """Then a lost attempt ends the run, and a person decides."""
    charged.clear()

    @task(repeatable=False)
    async def launch(ctx: Context) -> None:
        charged.append(ctx.run_id)

    run = ms.enqueue(launch)
    ms.crash_at("child_after_call")
    ms.drain()
    ms.advance("2m")
    ms.drain()
    assert (ms.state(run), ms.get(run).reason) == ("failed", "interrupted")
    assert charged == [run.id]
