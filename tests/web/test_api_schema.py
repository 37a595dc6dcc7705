"""The API keeps what its description promises: schemathesis asks what the description allows and what it forbids, and finds nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from schemathesis.config import SchemathesisConfig

from mainspring import Mainspring
from mainspring.operations.tasks import task_view
from mainspring.web.api import openapi
from mainspring.web.api.endpoint import endpoints
from mainspring.web.api.starts import LONGEST_WAIT
from tests.faces.shop import TASKS
from tests.web.asking import Asking, asking

HOST = "http://testserver"
CONFIG: dict[str, Any] = {
    "generation": {"max-examples": 3, "deterministic": True, "database": "none"},
    "checks": {
        "negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429]},
        "positive_data_acceptance": {"expected-statuses": ["2xx", 304, 400, 401, 403, 404, 409, 412, 422]},
    },
    "phases": {"coverage": {"enabled": True}, "stateful": {"enabled": False}},
}


def described() -> dict[str, Any]:
    app = Mainspring("sqlite://", tasks=TASKS)
    return openapi.document(endpoints(), [task_view(task, app) for task in app.registry])


schema = schemathesis.openapi.from_dict(described(), config=SchemathesisConfig.from_dict(CONFIG))


@pytest.fixture(scope="module")
def api() -> Iterator[Asking]:
    with tempfile.TemporaryDirectory() as folder, asking(Path(folder), TASKS) as made:
        yield made


@schema.parametrize()
def test_it(api: Asking, case: Any) -> None:
    case.validate_response(answered(api, case))


def _is_wait(value: Any) -> bool:
    """Tell whether a value would be taken as a time to wait."""
    try:
        return 0 < float(value) <= LONGEST_WAIT or float(value) == 0
    except (TypeError, ValueError):
        return False


def answered(api: Asking, case: Any) -> schemathesis.Response:
    """Ask what a case asks, in the loop that the store lives in; nobody waits for what nothing here will do."""
    if case.operation.path.endswith("/run") or isinstance(case.query.get("wait"), (int, float)):
        case.query = {**(case.query or {}), **({"wait": 0} if _is_wait(case.query.get("wait", 0)) else {})}
    request = requests.Request(**case.as_transport_kwargs(base_url=HOST)).prepare()
    body: Any = request.body or b""
    sent = body.encode() if isinstance(body, str) else bytes(body)
    headers_sent = {name.lower(): str(value) for name, value in request.headers.items()}
    answer = api.do(api.exchange(str(request.method), str(request.url).removeprefix(HOST), [sent], headers_sent))
    headers = {name: [value] for name, value in answer.headers.items()}
    return schemathesis.Response(answer.status, headers, answer.body, request, 0.01, verify=False)
