"""The app of a Django project, made of its settings."""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from mainspring.app import Mainspring
from mainspring.core.task import Task

DEFAULT_DATABASE = "default"
_OURS = ("DATABASE", "URL", "DISCOVER", "TASKS", "ON_CHILD_START")

_lock = RLock()  # the same thread may come again: see below
_made: Mainspring | None = None
_is_making = False


def project_app() -> Mainspring:
    """Return the app of this process; made with the first call. Django must be set up. Raises `ImproperlyConfigured`."""
    global _made, _is_making
    with _lock:
        if _made is None:
            if _is_making:
                raise ImproperlyConfigured("a module of tasks asks for the app while it is imported for it: call get_app() in a function")
            _is_making = True
            try:
                _made = _make(told())
            finally:
                _is_making = False
        return _made


def forget_app() -> None:
    """Drop the app, so that the next call reads the settings anew: for tests that override them."""
    global _made
    with _lock:
        made, _made = _made, None
    if made is not None:
        made.blocking.close()


def told() -> Mapping[str, Any]:
    """Return the setting ``MAINSPRING``; without one, runs are kept in the default database. Raises `ImproperlyConfigured`."""
    found = getattr(settings, "MAINSPRING", {"DATABASE": DEFAULT_DATABASE})
    if not isinstance(found, Mapping):
        raise ImproperlyConfigured(f"MAINSPRING={found!r}: a dict is needed, as {{'DATABASE': 'default'}}")
    if ("URL" in found) == ("DATABASE" in found):
        raise ImproperlyConfigured("MAINSPRING needs one of 'DATABASE' (an alias of DATABASES) and 'URL' (sqlite:///… or postgresql://…)")
    if unknown := [name for name in found if name not in _OURS and not str(name).islower()]:
        known = ", ".join(_OURS)
        raise ImproperlyConfigured(f"MAINSPRING[{unknown[0]!r}] is unknown: {known}, and settings in lower case as max_concurrent")
    return found


def database_alias() -> str | None:
    """Return the alias of the Django database that holds the runs, or None where they have a URL of their own."""
    found = told().get("DATABASE")
    return None if found is None else str(found)


def _make(found: Mapping[str, Any]) -> Mainspring:
    from mainspring.django.work import project_tasks

    url = str(found["URL"]) if "URL" in found else url_of(str(found["DATABASE"]))
    given: list[Task[..., Any]] = [*project_tasks(), *found.get("TASKS", ())]
    return Mainspring(
        url, discover=found.get("DISCOVER", ()), tasks=given,
        on_child_start=found.get("ON_CHILD_START", ()), before_import=("mainspring.django:set_up",),
        **{str(name): value for name, value in found.items() if name not in _OURS},
    )  # fmt: skip


def url_of(alias: str) -> str:
    """Return the URL of a database of Django's; raises `ImproperlyConfigured` for engines other than PostgreSQL and SQLite."""
    if alias not in settings.DATABASES:
        raise ImproperlyConfigured(f"MAINSPRING['DATABASE']={alias!r} is no alias of DATABASES: {', '.join(settings.DATABASES)}")
    from django.db import connections

    given = connections[alias].settings_dict  # with Django's defaults filled in, and the test database's name in tests
    engine, name = str(given["ENGINE"]), str(given["NAME"])
    if engine.endswith("sqlite3"):
        if name == ":memory:" or "mode=memory" in name:
            raise ImproperlyConfigured(f"the database {alias!r} is in memory, where no worker finds it: give MAINSPRING a file or a URL")
        return f"sqlite:///{name}"
    if not engine.endswith(("postgresql", "postgis")):
        raise ImproperlyConfigured(f"the database {alias!r} is {engine}: runs are kept in PostgreSQL or SQLite, give MAINSPRING a 'URL'")
    options = given.get("OPTIONS") or {}
    if "service" in options and not name:
        return f"postgresql://?{urlencode({'service': options['service']})}"
    who = quote(str(given["USER"]), safe="") + (f":{quote(str(given['PASSWORD']), safe='')}" if given["PASSWORD"] else "")
    host, port = str(given["HOST"]), str(given["PORT"] or "")
    passed = {key: value for key, value in options.items() if key.startswith("ssl")}
    if host.startswith("/"):  # the directory of a socket
        passed["host"], host = host, ""
        if port:
            passed["port"], port = port, ""
    where = f"{host}:{port}" if port else host
    return f"postgresql://{who}{'@' if who else ''}{where}/{quote(name, safe='')}" + (f"?{urlencode(passed)}" if passed else "")
