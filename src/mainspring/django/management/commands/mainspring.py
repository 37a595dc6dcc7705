"""``manage.py mainspring …``: the command ``mainspring`` for the app of this project's settings."""

from __future__ import annotations

import sys
from typing import NoReturn

from django.core.management.base import BaseCommand


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types of its own
    """Hand everything behind its name to the command line."""

    help = "Run tasks and look at runs: manage.py mainspring worker | migrate | runs list | …"
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's way to say none: a worker says itself what is wrong

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        """Leave the arguments alone: they belong to the command line, not to Django's parser."""
        from mainspring.cli.main import main

        main(["-A", "mainspring.django:app", *argv[2:]])

    def handle(self, *args: str, **options: object) -> None:
        """Serve ``call_command``, which hands over plain arguments; its exit code becomes an exception there."""
        self.run_from_argv([sys.argv[0], "mainspring", *args])
