"""The verb that answers "why?"."""

from __future__ import annotations

from typing import Any

from mainspring.app import Mainspring
from mainspring.core.explanation import Why
from mainspring.operations.operation import Caller, View, operation
from mainspring.operations.runs import RunRequest


class ExplanationView(View):
    """Why a run has not started, or why it stopped: a code for good, with the values that a sentence is made of."""

    id: str
    code: Why
    values: dict[str, Any]


@operation("runs.explain")
async def explain_run(app: Mainspring, request: RunRequest, caller: Caller) -> ExplanationView:
    """Say in a sentence why a run has not started, or why it stopped."""
    run_id = await (await app.store()).runs.find(request.id, scope=caller.scope)
    answer = await app.explain(run_id)
    return ExplanationView(id=answer.run_id, code=answer.code, values=dict(answer.values))
