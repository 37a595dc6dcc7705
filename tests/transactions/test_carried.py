"""Files and search terms of a call inside the caller's own transaction: theirs, too, is whether it ever was."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest

from mainspring import File, Mainspring, Param, task
from mainspring.core.errors import InvalidParams, PayloadTooLarge
from tests.transactions.callers import INSERT, Place, async_caller, blocking_caller
from tests.transactions.test_enqueue import ASYNC, BLOCKING

HELD = "select run_id from mainspring.artifacts"
FOUND = "select run_id from mainspring.run_search where name = 'colour' and value = 'red'"


@task
async def print_out(file: File, colour: Annotated[str, Param(search=True)] = "red") -> None: ...


def app_at(place: Place, folder: Any) -> Mainspring:
    return Mainspring(place.url, tasks=[print_out], files=str(folder / "files"), spill=True)


def ids(place: Place, statement: str) -> list[str]:
    return [str(row[0]) for row in place.rows(statement)]


@pytest.mark.parametrize(("dialect", "kind"), BLOCKING)
def test_a_blocking_caller_hands_over_files(place: Place, kind: str, tmp_path: Any) -> None:
    app = app_at(place, tmp_path)
    file = app.blocking.put_file(b"x", name="x.txt")
    with blocking_caller(kind, place) as caller:
        for is_committed in (False, True):
            caller.begin()
            caller.execute(INSERT.format(n=1))
            run = app.blocking.enqueue(print_out.options(connection=caller.given), file=file)
            assert ids(place, HELD) == ids(place, FOUND) == []
            (caller.commit if is_committed else caller.rollback)()
            assert ids(place, HELD) == ids(place, FOUND) == ([run.id] if is_committed else [])
            assert place.runs() == ids(place, HELD)
    app.blocking.close()


@pytest.mark.parametrize(("dialect", "kind"), ASYNC)
def test_an_async_caller_hands_over_files(place: Place, kind: str, tmp_path: Any) -> None:
    async def main() -> None:
        async with app_at(place, tmp_path) as app, async_caller(kind, place) as caller:
            file = await app.files.put(b"x", name="x.txt")
            await caller.begin()
            await caller.execute(INSERT.format(n=1))
            runs = await app.enqueue_many(print_out.options(connection=caller.given), [{"file": file}] * 2)
            await caller.commit()
            assert sorted(ids(place, HELD)) == sorted(ids(place, FOUND)) == sorted(run.id for run in runs)
            await caller.begin()
            strange = File(id=runs[0].id, name="a", size=1, media_type="a/b", sha256="0" * 64)
            with pytest.raises(InvalidParams, match="is not in the store of files"):
                await app.enqueue(print_out.options(connection=caller.given), file=strange)
            with pytest.raises(PayloadTooLarge, match="in somebody's transaction they cannot go among the files"):
                await app.enqueue(print_out.options(connection=caller.given), file=file, colour="x" * 300_000)
            await caller.rollback()
            assert len(place.runs()) == 2

    asyncio.run(main())
