"""What happens while it happens, for programs: the live room's streams and polls at their places in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from mainspring.operations.operation import Request as Asked
from mainspring.web.api.endpoint import BASE
from mainspring.web.api.exchange import checked, read_query
from mainspring.web.live.streams import LONGEST_WAIT, Streams
from mainspring.web.paths import Handler

if TYPE_CHECKING:
    from mainspring.web.site import Site

_MOST = 999_999_999
_WAIT = "seconds to wait for something new"


class StreamRequest(Asked):
    """From where on."""

    after: int = Field(0, ge=0, le=_MOST, description="only events past this number; the header Last-Event-ID comes first")


class EventsRequest(Asked):
    """Which events."""

    after: int = Field(0, ge=0, le=_MOST, description="only events past this number")
    until: int | None = Field(None, ge=0, le=_MOST, description="only events up to this number: what a gap has left out")
    wait: int = Field(0, ge=0, le=int(LONGEST_WAIT), description=_WAIT)


class ChangesRequest(Asked):
    """Since when."""

    after: str | None = Field(None, max_length=200, description="the token of the last answer")
    wait: int = Field(0, ge=0, le=int(LONGEST_WAIT), description=_WAIT)


def handlers(site: Site) -> dict[str, dict[str, Handler]]:
    """Return who answers where."""
    streams = Streams(site)

    def asked_for(model: type[Asked], handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            checked(model, read_query(request, model), is_text=True)
            return await handler(request)

        return answer

    return {
        f"{BASE}/runs/{{id}}/stream": {"GET": asked_for(StreamRequest, streams.stream)},
        f"{BASE}/runs/{{id}}/events": {"GET": asked_for(EventsRequest, streams.events)},
        f"{BASE}/changes": {"GET": asked_for(ChangesRequest, streams.changes)},
    }
