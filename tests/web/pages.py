"""Asking for pages in a test: the whole console on a fresh store, with forms posted as a browser posts them."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from mainspring import Mainspring, Task
from mainspring.core.access import User, UserRole
from mainspring.operations.operation import Caller
from mainspring.web.console import console
from tests.web.asking import Answer, Asking

ADA = User("ada", UserRole.ADMIN, kind="host")


class Pages(Asking):
    """``pages.get("/runs")`` and ``pages.send("/queues/default/pause", reason="…")``; ``pages.caller`` is who asks."""

    def __init__(self, app: Mainspring, **options: Any) -> None:
        known = {"authenticate": lambda request: None if self.caller is None else self.caller.user, "hosts": "*"}
        super().__init__(app, console(app, **{**known, **options}))
        self.caller = Caller("ada", "web", ADA)

    def send(self, path: str, fields: Mapping[str, Any] | None = None, /, **more: Any) -> Answer:
        """Post a form; a list is sent as several fields of one name."""
        text = urlencode({**(fields or {}), **more}, doseq=True)
        return self.ask(
            "POST", path, text, content_type="application/x-www-form-urlencoded", sec_fetch_site="same-origin", origin="http://testserver"
        )

    def page(self, path: str, **headers: str) -> str:
        """Return the text of a page that must be there."""
        answer = self.get(path, **headers)
        assert answer.status == 200, (path, answer.status, plain(answer.text)[-500:])
        return answer.text


def plain(page: str) -> str:
    """Return what a page says, without its tags."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


@contextlib.contextmanager
def pages(folder: Path, tasks: Sequence[Task[..., Any]], **settings: Any) -> Iterator[Pages]:
    """Give the console of some tasks, on a store in a folder."""
    made = Pages(Mainspring(f"sqlite:///{folder}/store.db", tasks=tasks, isolation="inline", **settings))
    try:
        yield made
    finally:
        made.close()
