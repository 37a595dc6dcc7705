"""What a call carries beside plain JSON, found out when it is enqueued: files, secrets, search terms, and payloads of a size."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from mainspring.core.carried import carried
from mainspring.core.context import current_run
from mainspring.core.errors import InvalidParams, Problem
from mainspring.core.file import File, files_in
from mainspring.core.marks import is_suspicious, raw_secrets, search_terms
from mainspring.core.payload import check_payload
from mainspring.core.run import Beside
from mainspring.core.secret import Secret, SecretRules
from mainspring.core.task import Task

log = logging.getLogger("mainspring")

_warned: set[tuple[str, str]] = set()  # each parameter of a task is warned of once in a process


def dump(
    task: Task[..., Any], args: Sequence[object], kwargs: Mapping[str, object], params: str | None, tenant: str, rules: SecretRules, *,
    is_from_body: bool,
) -> tuple[str, Beside | None]:  # fmt: skip
    """Return the JSON text of a call of a task that is marked, and what it carries; ``params`` is checked text instead of arguments.

    Raises `InvalidParams` also for a secret that this process's configuration does not declare for task and tenant; where it declares
    none at all, that is left to the node.
    """
    marks = task.params.marks
    with carried() as found:
        text = task.params.dump(args, kwargs) if params is None else params
        if params is not None and (marks.has_files or marks.has_secrets):
            task.params.load(text)
    if rules.rules:
        secrets = [each.reference for each in found if isinstance(each, Secret)]
        refused = [why for each in dict.fromkeys(secrets) if (why := rules.refusal(each, task.name, tenant)) is not None]
        if refused:
            raise InvalidParams(f"wrong parameters for {task.name}", [Problem("secrets", why) for why in refused])
    if marks.has_files and not task.is_here:  # its types are elsewhere: a handle is known by its fields
        found += files_in(json.loads(text))
    files = tuple(dict.fromkeys(each for each in found if isinstance(each, File)))
    terms = tuple(search_terms(marks.searched, json.loads(text))) if marks.searched else ()
    return text, Beside(files, terms, is_from_body=is_from_body or current_run() is not None) if files or terms else None


def weigh(task: str, text: str, cap: int, *, spills: bool) -> bool:
    """Tell whether parameters are too large for their row; raises `PayloadTooLarge` where they may not lie among the files either."""
    size = len(text) if text.isascii() else len(text.encode())
    if size <= cap:
        return False
    check_payload(f"the parameters of {task}", size, cap, spills=spills)
    return True


def warn_of_raw_secrets(task: Task[..., Any], text: str) -> None:
    """Warn where a parameter holds what looks like a key: by its name, never by its value, and once."""
    if not is_suspicious(text):
        return
    for name, kind in raw_secrets(text, task.params.marks.silenced):
        if (task.name, name) not in _warned:
            _warned.add((task.name, name))
            log.warning(
                "%s: the parameter %s looks like %s, and its value is stored as it is: annotate it as Secret and hand over a reference, "
                "or as Annotated[…, Param(secret=False)] where it is none",
                task.name, name, kind,
            )  # fmt: skip


def named_like_secrets(tasks: Sequence[Task[..., Any]]) -> list[str]:
    """Return a warning for each parameter that is called like a secret and is a plain text."""
    return [
        f"{task.spec.source} {task.name}({name}): it is called like a secret and is a plain text, which is stored as it is: annotate it as "
        "Secret and hand over a reference, or as Annotated[str, Param(secret=False)] where it is none"
        for task in tasks
        for name in task.params.marks.named
    ]
