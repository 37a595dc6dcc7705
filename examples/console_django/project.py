"""The console inside a Django project, for whoever Django's own sessions know: ``asgi`` and ``wsgi`` are the project's two entries.

pip install mainspring django uvicorn gunicorn
uvicorn app:asgi                       # http://127.0.0.1:8000/tasks/, live by sockets
gunicorn app:wsgi --threads 8          # the same without an event loop: pages ask from time to time
"""

import os
from typing import Any

import django
from django.conf import settings

settings.configure(
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "only for this example, and for nothing else"),
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=[],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("DJANGO_DATABASE", "django.db")}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from asgiref.sync import sync_to_async  # noqa: E402
from django.contrib.auth import SESSION_KEY, get_user_model  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402

from mainspring import Mainspring, task  # noqa: E402


@task(title="Say hello", category="greetings")
async def hello(name: str = "you") -> str:
    """Greet somebody."""
    return f"hello, {name}"


tasks = Mainspring(os.environ.get("SHOP_URL", "sqlite:///shop.db"), tasks=[hello])


@sync_to_async
def account_of(cookies: dict[str, str]) -> Any:
    """Return the account that a browser is signed in with."""
    key = SessionStore(cookies.get(settings.SESSION_COOKIE_NAME)).get(SESSION_KEY)
    return get_user_model().objects.filter(pk=key, is_active=True).first()
