"""Search: runs by those parameters that are marked with ``Param(search=True)``, in a table beside the runs.

Terms are written before their run, in a statement of their own: a run is never without, the statements that add runs stay as they are,
and terms without a run are never found, because what is found is read from the runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic_core import to_json

from mainspring.store.database import Database


class SearchStore:
    """Notes terms and finds runs by them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, terms: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]) -> None:
        """Note by what runs that are about to be added can be found: (run id, task, [(parameter, value)])."""
        await self._database.write("search_add", batch=_batch(terms))

    async def replace(self, run_id: str, task: str, terms: Sequence[tuple[str, str]]) -> None:
        """Note anew by what a run can be found whose parameters were replaced."""
        await self._database.write("search_replace", run_id=run_id, batch=_batch([(run_id, task, terms)]))

    async def find(self, terms: Sequence[tuple[str, str]], *, before: str, task: str | None, n: int) -> list[str]:
        """Return up to ``n`` ids below an id, newest first, of runs for which all terms hold."""
        (name, value), *others = terms
        to_list = self._database.to_list
        names, values = to_list([each[0] for each in others]), to_list([each[1] for each in others])
        rows = await self._database.read("search_find", name=name, value=value, before=before, task=task, names=names, values=values, n=n)
        return [row["run_id"] for row in rows]


def _batch(terms: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]) -> str:
    rows = [{"name": name, "value": value, "run_id": run_id, "task": task} for run_id, task, pairs in terms for name, value in pairs]
    return to_json(rows).decode()
