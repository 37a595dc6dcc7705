"""Six: the same work asked for twice is done once, where it has a key."""

from mainspring import task
from mainspring.testing import Kit

mails: list[str] = []


@task
async def remind(customer: str) -> None:
    mails.append(customer)


def test_a_key_finds_the_run_that_is_already_there(ms: Kit) -> None:
    """Of the runs of one task that have not ended, only one has a key. The answer says which, and whether it is new."""
    mails.clear()
    first = ms.enqueue(remind.options(key="ann"), customer="ann")
    second = ms.enqueue(remind.options(key="ann"), customer="ann")
    assert second.id == first.id
    assert (first.is_new, second.is_new) == (True, False)
    ms.drain()
    assert mails == ["ann"]


def test_when_it_has_ended_the_key_is_free(ms: Kit) -> None:
    mails.clear()
    ms.enqueue(remind.options(key="ann"), customer="ann")
    ms.drain()
    again = ms.enqueue(remind.options(key="ann"), customer="ann")
    assert again.is_new
    ms.drain()
    assert mails == ["ann", "ann"]


def test_a_key_belongs_to_its_task(ms: Kit) -> None:
    @task
    async def invoice(customer: str) -> None: ...

    assert ms.enqueue(remind.options(key="ann"), customer="ann").is_new
    assert ms.enqueue(invoice.options(key="ann"), customer="ann").is_new
