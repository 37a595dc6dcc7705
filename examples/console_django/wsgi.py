"""The project's entry for servers with threads, with the console below /tasks."""

from django.core.wsgi import get_wsgi_application
from project import account_of, tasks

application = get_wsgi_application()

# -- the console: from here on
from starlette.requests import Request  # noqa: E402

from mainspring.core.access import User, UserRole  # noqa: E402
from mainspring.web.wsgi import console_wsgi, mounted  # noqa: E402


async def who(request: Request) -> User | None:
    """Answer who Django says it is: its superusers are admins, its other staff operators."""
    if (account := await account_of(request.cookies)) is None or not account.is_staff:
        return None
    return User(account.username, UserRole.ADMIN if account.is_superuser else UserRole.OPERATOR, kind="host")


application = mounted(application, "/tasks", console_wsgi(tasks, authenticate=who, hosts="*"))
