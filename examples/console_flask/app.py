"""The console inside a Flask application, for whoever the application knows.

pip install mainspring flask
flask --app app:web run                # http://127.0.0.1:5000/tasks/
mainspring -A app:tasks runner         # the work, in another terminal
"""

import os

from flask import Flask

from mainspring import Mainspring, task

# -- the application as it was: accounts, and how it tells whose a request is

ACCOUNTS: dict[str, dict[str, str | bool]] = {
    "key-of-ada": {"name": "ada", "company": "acme", "is_staff": True},
    "key-of-bob": {"name": "bob", "company": "umbrella", "is_staff": False},
}
web = Flask(__name__)


def account_of(cookies: dict[str, str]) -> dict[str, str | bool] | None:
    """Return the account that a browser is signed in with."""
    return ACCOUNTS.get(cookies.get("shop", ""))


@task(title="Say hello", category="greetings")
async def hello(name: str = "you") -> str:
    """Greet somebody."""
    return f"hello, {name}"


tasks = Mainspring(os.environ.get("SHOP_URL", "sqlite:///shop.db"), tasks=[hello])

# -- the console: from here on
from starlette.requests import Request  # noqa: E402

from mainspring.core.access import User, UserRole  # noqa: E402
from mainspring.web.wsgi import console_wsgi, mounted  # noqa: E402


def who(request: Request) -> User | None:
    """Answer who the application says it is: staff see and do everything, others what is their company's."""
    if (account := account_of(request.cookies)) is None:
        return None
    role, tenants = (UserRole.ADMIN, None) if account["is_staff"] else (UserRole.OPERATOR, frozenset({str(account["company"])}))
    return User(str(account["name"]), role, tenants=tenants, kind="host")


web.wsgi_app = mounted(web.wsgi_app, "/tasks", console_wsgi(tasks, authenticate=who, hosts="*"))  # type: ignore[method-assign,assignment]  # as Flask has it
