"""From an operation to its place in HTTP: the one rule by which the catalogue becomes paths.

=============================  ======================================================================
reads, of nothing in particular  ``GET /NOUN`` for ``list`` and ``show``, else ``GET /NOUN/VERB``
reads, of one thing              ``GET /NOUN/{key}`` for ``show``, else ``GET /NOUN/{key}/VERB``
changes                          ``POST /NOUN/{key}/VERB``, or ``POST /NOUN/VERB`` where there is no key
reads, by a value with parts     as what changes: a query cannot carry an object
=============================  ======================================================================

The key is the request's required ``id``, ``name``, ``key`` or ``fingerprint``. Other fields are query parameters of a GET and the JSON body
of a POST. A cursor (``before`` or ``after``) becomes ``Link: <…>; rel="next"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from mainspring.operations.catalog import CATALOG
from mainspring.operations.operation import Operation
from mainspring.operations.runs import Enqueued
from mainspring.operations.schedules import ScheduledRun

BASE = "/api/v1"
KEYS = ("id", "name", "key", "fingerprint")
CURSORS = ("before", "after")
STARTS = (Enqueued, ScheduledRun)  # views whose id is that of a run which was added: 202, and where it is
PLACES: Mapping[str, str] = {"runs.enqueue": "/runs"}  # whose place is another than by the rule
LIVE = frozenset({"runs.events", "changes.show"})  # answered by the live room, which can wait for what is new
ADDS = frozenset({"runs.bulk", "runs.retry", "runs.retrymany", "schedules.run", "schedules.backfill", "pulse.execute"})
"""What may not be done again by itself when its first request was interrupted: it adds runs, and these have no id before."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation at its place. ``key`` is the field that stands in the path."""

    operation: Operation[Any, Any]
    method: Literal["GET", "POST"]
    path: str
    key: str | None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the request that are not in the path."""
        return {name: each for name, each in self.operation.request.model_fields.items() if name != self.key}

    @property
    def cursor(self) -> str | None:
        """The field that names where a page begins, if its view has a ``next``."""
        if "next" not in self.operation.response.model_fields:
            return None
        return next((each for each in CURSORS if each in self.operation.request.model_fields), None)

    @property
    def is_versioned(self) -> bool:
        """Whether it can be made to depend on the version that its caller has seen."""
        return "version" in self.operation.request.model_fields

    @property
    def starts(self) -> bool:
        """Whether its answer is about a run that was added."""
        return issubclass(self.operation.response, STARTS) and not self.operation.is_read_only

    @property
    def status(self) -> int:
        """The status of a good answer."""
        return 202 if self.starts else 200


def endpoint_of(operation: Operation[Any, Any]) -> Endpoint:
    """Return the place of an operation."""
    fields = operation.request.model_fields
    key = next((name for name in KEYS if name in fields and fields[name].is_required()), None)
    is_query = operation.is_read_only and not any(_has_parts(each.annotation) for each in fields.values())
    place = f"/{operation.noun}" + ("" if key is None else f"/{{{key}}}")
    is_short = operation.is_read_only and (operation.verb == "show" or (operation.verb == "list" and key is None))
    path = PLACES.get(operation.name, place if is_short else f"{place}/{operation.verb}")
    return Endpoint(operation, "GET" if is_query else "POST", BASE + path, key)


def _has_parts(annotation: Any) -> bool:
    """Tell whether a value has names of its own inside."""
    if isinstance(annotation, type):
        return issubclass(annotation, (dict, BaseModel))
    return get_origin(annotation) is dict or any(_has_parts(each) for each in get_args(annotation))


def endpoints() -> list[Endpoint]:
    """Return the places of all operations but those of `LIVE`."""
    return [endpoint_of(each) for name, each in CATALOG.items() if name not in LIVE]
