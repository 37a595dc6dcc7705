"""What Django reads of an installed app."""

from __future__ import annotations

from django.apps import AppConfig


class MainspringConfig(AppConfig):  # type: ignore[misc]  # Django has no types of its own
    """Names the app; it has no models, its tables are made by ``manage.py mainspring migrate``."""

    name = "mainspring.django"
    label = "mainspring"
    verbose_name = "Mainspring"
