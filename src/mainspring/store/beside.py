"""What is written beside a run when it is added: the files that it holds, the terms by which it is found, parameters too large for its row.

All of it comes before the run and in statements of its own: a run is never without, the statements that add runs stay as they are, and
what belongs to a run that was not added in the end is swept. Runs that carry nothing never come here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from mainspring.core.dedupe import How
from mainspring.core.file import File
from mainspring.core.payload import to_reference
from mainspring.core.run import Added, NewRun
from mainspring.store.file_store import FileStore, Role
from mainspring.store.search import SearchStore

_CHANGED = (How.REPLACED, How.DEBOUNCED)


async def write_beside(files: FileStore, search: SearchStore, runs: Sequence[NewRun]) -> list[NewRun]:
    """Write what runs carry, and return them as they are to be added: large parameters lie among the files then.

    Raises `InvalidParams` for a file that is not there, before anything is added.
    """
    held: dict[tuple[str, str, bool], list[tuple[str, Sequence[File], Role]]] = defaultdict(list)
    for run in runs:
        if run.beside is not None and run.beside.files:
            held[run.task, run.tenant, run.beside.is_from_body].append((run.id, run.beside.files, Role.GIVEN))
    for (task, tenant, is_from_body), links in held.items():
        await files.hold(task, tenant, links, adopts=is_from_body)
    if terms := [(run.id, run.task, run.beside.terms) for run in runs if run.beside is not None and run.beside.terms]:
        await search.add(terms)
    return [await _spilled(files, run) if run.beside is not None and run.beside.is_large else run for run in runs]


async def _spilled(files: FileStore, run: NewRun) -> NewRun:
    file = await files.put(run.params.encode(), name="params.json", tenant=run.tenant)
    await files.hold(run.task, run.tenant, [(run.id, [file], Role.PARAMS)])
    assert run.beside is not None
    return replace(run, params=to_reference(file), beside=replace(run.beside, spilled=file))


async def follow_changes(files: FileStore, search: SearchStore, runs: Sequence[NewRun], answers: Sequence[Added]) -> None:
    """Let a run that took over the parameters of another call hold their files, too, and be found by their terms."""
    for run, added in zip(runs, answers, strict=True):
        beside = run.beside
        if beside is None or added.how not in _CHANGED or added.id == run.id:
            continue
        if beside.files:
            await files.hold(run.task, run.tenant, [(added.id, beside.files, Role.GIVEN)])
        if beside.spilled is not None:
            await files.hold(run.task, run.tenant, [(added.id, [beside.spilled], Role.PARAMS)])
        await search.replace(added.id, run.task, beside.terms)
