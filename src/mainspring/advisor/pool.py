"""Several projects at once, each in one of several processes. One that kills its process is looked at file by file."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext

from mainspring.advisor.cache import Entry
from mainspring.advisor.look import Look, Part, Question
from mainspring.advisor.report import Unscanned
from mainspring.advisor.walk import Found

_Job = tuple[Question, str, Sequence[Found], Mapping[str, Entry], Mapping[str, tuple[str, ...]]]


def parts(
    question: Question,
    projects: Mapping[str, Sequence[Found]],
    known: Mapping[str, Entry],
    names: Mapping[str, tuple[str, ...]],
    jobs: int,
) -> Iterator[tuple[Sequence[Found], Part]]:
    """Look at projects in ``jobs`` processes, the largest first, and yield what was found in each as it comes."""
    work: list[_Job] = []
    for folder, files in sorted(projects.items(), key=lambda each: -len(each[1])):
        paths = {each.path for each in files}
        mine = {path: entry for path, entry in known.items() if path in paths}
        work.append((question, folder, files, mine, {path: names[path] for path in mine if path in names}))
    with ProcessPoolExecutor(jobs, _context()) as pool:
        waiting = {pool.submit(look, job): job for job in work}
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                job = waiting.pop(future)
                try:
                    yield job[2], future.result()
                except BrokenProcessPool:
                    yield job[2], _alone(job)


def look(job: _Job) -> Part:
    """Look at one project."""
    question, folder, files, known, names = job
    return Look(question, folder, files, known, lambda path: names.get(path, ())).look()


def _alone(job: _Job) -> Part:
    """Look at a project in a process of its own; where that dies as well, nobody has looked at its files."""
    try:
        with ProcessPoolExecutor(1, _context()) as pool:
            return pool.submit(look, job).result()
    except BrokenProcessPool:
        part = Part()
        part.unscanned = [Unscanned(each.path, 0, "the process that read this project died") for each in job[2]]
        return part


def _context() -> BaseContext:
    """Fork where nothing can be torn apart by it, since that is many times quicker; else start anew."""
    can_fork = "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1
    return multiprocessing.get_context("fork" if can_fork else "spawn")
