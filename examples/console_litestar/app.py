"""The console inside a Litestar application, for whoever the application knows.

pip install mainspring litestar uvicorn
uvicorn app:web                        # http://127.0.0.1:8000/tasks/
mainspring -A app:tasks runner         # the work, in another terminal
"""

import os

from litestar import Litestar
from starlette.requests import Request

from mainspring import Mainspring, task

# -- the application as it was: accounts, and how it tells whose a request is

ACCOUNTS: dict[str, dict[str, str | bool]] = {
    "key-of-ada": {"name": "ada", "company": "acme", "is_staff": True},
    "key-of-bob": {"name": "bob", "company": "umbrella", "is_staff": False},
}

site = Litestar()


def account_of(request: Request) -> dict[str, str | bool] | None:
    """Return the account that a browser is signed in with."""
    return ACCOUNTS.get(request.cookies.get("shop", ""))


@task(title="Say hello", category="greetings")
async def hello(name: str = "you") -> str:
    """Greet somebody."""
    return f"hello, {name}"


tasks = Mainspring(os.environ.get("SHOP_URL", "sqlite:///shop.db"), tasks=[hello])

# -- the console: from here on
from mainspring.core.access import User, UserRole  # noqa: E402
from mainspring.web.console import console  # noqa: E402
from mainspring.web.hosting import mounted  # noqa: E402


def who(request: Request) -> User | None:
    """Answer who the application says it is: staff see and do everything, others what is their company's."""
    if (account := account_of(request)) is None:
        return None
    tenants = None if account["is_staff"] else frozenset({str(account["company"])})
    return User(str(account["name"]), UserRole.OPERATOR if tenants else UserRole.ADMIN, tenants=tenants, kind="host")


web = mounted(site, "/tasks", console(tasks, authenticate=who, hosts="*"))
