"""``Idempotency-Key``: a request that is sent twice is carried out once, and answered twice.

Nothing is kept of what was refused: with a good body the same key will do. Where a first request was interrupted, a start goes on under the
same run id, what only sets something is set again, and what would add runs a second time is left to its caller.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from mainspring.app import Mainspring
from mainspring.core.errors import MainspringError, StoreError
from mainspring.operations import idempotency
from mainspring.web.api.exchange import who
from mainspring.web.problems import Refused, status_of

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY = r"[!-~]{1,255}"
PATIENCE = timedelta(minutes=1)  # after which a request without an answer counts as interrupted
_KEY = re.compile(KEY)
_KEPT = ("content-type", "location", "etag", "retry-after", "link")


async def once(
    app: Mainspring, request: Request, what: bytes, perform: Callable[[str | None], Awaitable[Response]], *, may_repeat: bool = True,
    patience: timedelta = PATIENCE,
) -> Response:  # fmt: skip
    """Carry out a request, unless its key says that it was before; ``what`` is all that it asks for besides its path.

    ``perform`` is given the id that a run is to have, where there is a key. Raises `Refused`, and what ``perform`` does.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return await perform(None)
    if not _KEY.fullmatch(key):
        raise Refused("malformed", f"{HEADER} has 1 to 255 visible characters of ASCII")
    caller = who(request)
    asked = f"{request.method}\n{request.url.path}\n{request.url.query}\n".encode()
    digest = hashlib.sha256(asked + what).hexdigest()
    found = await idempotency.claim(app, caller, key, digest, patience=patience, may_repeat=may_repeat)
    if isinstance(found, idempotency.Held):
        return _replay(found, digest)
    try:
        response = await perform(found.run_id)
        headers = {name: value for name, value in response.headers.items() if name.lower() in _KEPT}
        with suppress(StoreError):  # it is done, and its caller is to know: who asks again finds it interrupted
            await idempotency.answer(app, found, response.status_code, headers, bytes(response.body).decode())
    except (MainspringError, Refused, ValidationError) as error:
        is_sure = status_of(error) < 500  # nothing was done; else nobody knows
        with suppress(StoreError):
            await (idempotency.release if is_sure else idempotency.interrupt)(app, found)
        raise
    except BaseException:
        await asyncio.shield(idempotency.interrupt(app, found))
        raise
    return response


def _replay(held: idempotency.Held, digest: str) -> Response:
    if held.fingerprint != digest:
        raise Refused("idempotency-key-reused", f"this {HEADER} was used for another request: take a new one for each thing to be done")
    if held.status is not None:
        return Response(held.body, held.status, {**held.headers, REPLAYED: "true"})
    if held.is_interrupted:
        detail = "nobody knows how far the first request came: look at what there is, and ask again with a new key where it is not done"
        raise Refused("idempotency-interrupted", detail)
    raise Refused("idempotency-under-way", "the first request with this key has not been answered yet", headers={"Retry-After": "1"})
