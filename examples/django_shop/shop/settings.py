"""A small shop whose orders and whose tasks live in one database: SQLite, or PostgreSQL where SHOP_DATABASE names one."""

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SECRET_KEY = "only for an example"
USE_TZ = True
INSTALLED_APPS = ["mainspring.django", "orders"]
ROOT_URLCONF = "shop.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ALLOWED_HOSTS = ["*"]

where = urlsplit(os.environ.get("SHOP_DATABASE", f"sqlite:///{Path(__file__).parent.parent / 'shop.db'}"))
if where.scheme == "sqlite":
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": where.path[1:], "TEST": {"NAME": f"{where.path[1:]}-test"}}}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": where.path[1:],
            "USER": where.username or "",
            "PASSWORD": where.password or "",
            "HOST": where.hostname or parse_qs(where.query).get("host", [""])[0],
            "PORT": where.port or parse_qs(where.query).get("port", [""])[0],
            "TEST": {"NAME": where.path[1:]},  # the test's own database already
        }
    }

# The two settings that make Django's tasks durable, in the database of the orders.
MAINSPRING = {"DATABASE": "default"}
TASKS = {
    "default": {"BACKEND": "mainspring.django.MainspringBackend", "QUEUES": ["default", "mail"], "OPTIONS": {"timeout": "1m"}},
    "retried": {"BACKEND": "mainspring.django.MainspringBackend", "QUEUES": [], "OPTIONS": {"retry": 2}},
}
