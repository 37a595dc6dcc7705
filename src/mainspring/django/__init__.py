"""Mainspring in a Django project: the app of its settings, a backend for Django's own tasks, and ``manage.py mainspring``.

Enter by ``INSTALLED_APPS = [..., "mainspring.django"]``. Two settings say everything::

    MAINSPRING = {"DATABASE": "default"}                                  # or {"URL": "postgresql://…"}
    TASKS = {"default": {"BACKEND": "mainspring.django.MainspringBackend"}}

With ``DATABASE`` runs are kept in that database of Django's, and an enqueue is part of whatever transaction is open on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mainspring.app import Mainspring
    from mainspring.django.backend import MainspringBackend

__all__ = ["MainspringBackend", "app", "get_app"]

app: Mainspring


def get_app() -> Mainspring:
    """Return the app of the settings, one a process, for views and scripts. Raises Django's `ImproperlyConfigured`."""
    from mainspring.django.project import project_app

    return project_app()


def set_up() -> None:
    """Set Django up where executors are made, before tasks are imported there."""
    import django

    django.setup()


def __getattr__(name: str) -> Any:
    """Bring the backend along when it is asked for, and the app when ``-A mainspring.django:app`` names it."""
    if name == "app":
        return get_app()
    if name == "MainspringBackend":
        from mainspring.django.backend import MainspringBackend

        return MainspringBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
