"""The form of a task: filled in from defaults, a link, a preset or an earlier run, checked as at every other door, and carried out once."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.errors import ConfigurationError, InvalidParams, MainspringError, NotConfirmed, Problem, StillRunning
from mainspring.core.policy import Priority
from mainspring.core.task import Task
from mainspring.i18n import t
from mainspring.operations import idempotency
from mainspring.operations.operation import Caller
from mainspring.operations.runs import Enqueued, PlannedRequest, enqueue_run
from mainspring.operations.wrong import problems_of
from mainspring.web.access import caller_of
from mainspring.web.forms import Fault, Field, act, attach, blank_row, build, grouped, posted, read, walk
from mainspring.web.forms.carry import NO_ZONE, read_moment
from mainspring.web.forms.links import Prefill, Shown, is_private, prefill, scrubbed, shown
from mainspring.web.forms.receiving import Received, receive
from mainspring.web.pages.tasks import frame_of, refusal_of, task_of
from mainspring.web.problems import Refused, kind_of, status_of
from mainspring.web.shell.prefs import is_zone
from mainspring.web.site import Site, page_of

OPTIONS = ("delay", "run_at", "key", "priority", "queue", "timeout", "deadline", "retries", "label", "reason")
WAIT = 20.0  # seconds that "run and wait" waits before it shows the run as it is then
PATIENCE = timedelta(minutes=1)  # after which a start that was not answered counts as interrupted
ANSWERED = 5.0  # seconds that the second of two clicks waits for the first one's run


@dataclass(slots=True)
class Form:
    """Everything of a form's page that is not the task's."""

    fields: list[Field]
    once: str = field(default_factory=lambda: secrets.token_urlsafe(18))  # what makes two clicks one run
    faults: list[Fault] = field(default_factory=list)
    options: Mapping[str, str] = field(default_factory=dict)
    again: str = ""  # the run that this one is to do again
    notes: list[tuple[str, str]] = field(default_factory=list)
    focus: str = ""
    preset: str = ""
    shows: bool = False  # the other doors are open
    shown: Shown | None = None
    confirm: str = ""

    @property
    def groups(self) -> list[tuple[str | None, list[Field]]]:
        """The fields by their sections."""
        return grouped(self.fields)

    @property
    def has_files(self) -> bool:
        """Whether files are sent along."""
        return any(is_of_files(each.spec) for each in self.fields)

    @property
    def is_open(self) -> bool:
        """Whether something is said about how the run is to be done."""
        return any(text for name, text in self.options.items() if name != "zone") or any(each.id == "options" for each in self.faults)


def is_of_files(spec: Any) -> bool:
    """Tell whether a field, or anything in it, is a file."""
    inside = (*spec.fields, *spec.variants, *([spec.item] if spec.item is not None else ()))
    return spec.widget == "file" or any(is_of_files(each) for each in inside)


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""
    room = _Room(site)
    return [
        Route("/tasks/{name}", room.show, methods=["GET"]),
        Route("/tasks/{name}", room.take, methods=["POST"]),
        Route("/tasks/{name}/options", room.suggest, methods=["GET"]),
        Route("/tasks/{name}/presets/{id:int}/delete", room.forget, methods=["POST"]),
    ]


class _Room:
    def __init__(self, site: Site) -> None:
        self._site = site

    # -- looking

    async def show(self, request: Request) -> Response:
        caller = caller_of(request)
        task = task_of(self._site, caller, request.path_params["name"])
        page = page_of(request)
        found = prefill(task.form(), request.query_params.multi_items())
        form = Form([], again="")
        values = {**await self._begun(request, task, form), **found.values}
        form.fields = build(task.form(), values, zone=page.zone.key)
        _note(form, found)
        return await self._page(request, task, form)

    async def _begun(self, request: Request, task: Task[..., Any], form: Form) -> dict[str, Any]:
        """Return the values that an earlier run or a preset begins with, and note where they come from."""
        caller, query = caller_of(request), request.query_params
        for name in ("from", "_like"):
            if not (run_id := query.get(name)):
                continue
            run = await self._site.ask(caller, "runs.show", id=run_id)
            if run.task != task.name:
                form.notes.append(("web.tasks.note.other", run.task))
                return {}
            if name == "from":
                form.again = run.id
            if run.is_redacted or not isinstance(run.params, dict):
                form.notes.append(("web.tasks.note.hidden", run.id[-4:]))
                return {}
            form.notes.append(("web.tasks.note.again" if name == "from" else "web.tasks.note.like", run.id[-4:]))
            return dict(run.params)
        if (chosen := query.get("_preset", "")).isdecimal():
            for each in (await self._site.ask(caller, "presets.list", task=task.name)).items:
                if each.id == int(chosen):
                    form.preset = each.name
                    form.notes.append(("web.tasks.note.preset", each.name))
                    return dict(each.params)
        return {}

    async def _page(self, request: Request, task: Task[..., Any], form: Form, status: int = 200) -> Response:
        site, caller, page = self._site, caller_of(request), page_of(request)
        view = await site.ask(caller, "tasks.show", name=task.name)
        figures = await site.ask(caller, "tasks.measure", name=task.name)
        presets = (await site.ask(caller, "presets.list", task=task.name)).items
        recent = (await site.ask(caller, "runs.list", task=task.name, limit=5)).items
        is_favourite = any(each.task == task.name for each in (await site.ask(caller, "favourites.list")).items)
        self._offer(task, form, caller)
        await self._suggest_all(task, form, caller)
        if form.shown is None:
            form.shown = self._shown(request, task, read(form.fields)[0])
        zones = list(dict.fromkeys((page.zone.key, "UTC", NO_ZONE)))
        frame = frame_of(site, request, task, "")
        if status >= 400:
            frame["title"] = t("web.forms.error-title", language=page.language, title=task.spec.title)
        return site.render(
            request, "tasks/form.html", status, **frame, view=view, figures=figures, presets=presets, recent=recent, form=form,
            is_favourite=is_favourite, priorities=[each.name.lower() for each in Priority],
            zones=lambda zone: zones if zone in zones else [*zones, zone], utc_of=_utc_of, loop_number=_place, blank_row=blank_row,
        )  # fmt: skip

    def _offer(self, task: Task[..., Any], form: Form, caller: Caller) -> None:
        """Offer the secrets that the configuration declares for the task: none other would be resolved."""
        rules = self._site.app.settings.secrets.rules.values()
        offered = [(each.reference, each.reference) for each in rules if each.allows(task.name, caller.tenant)]
        for each in walk(form.fields):
            if each.spec.widget == "secret":
                each.options = offered

    async def _suggest_all(self, task: Task[..., Any], form: Form, caller: Caller) -> None:
        """Fill in what functions suggest, so that a page without scripts has it too."""
        if refusal_of(self._site, caller, task) is not None or not any(each.spec.ui.get("options") for each in form.fields):
            return
        values = {name: value for name, value in read(form.fields)[0].items() if name in _told(task)}
        for each in form.fields:
            if each.spec.ui.get("options") and task.is_here:
                others = {name: value for name, value in values.items() if name != each.spec.name}
                found = await self._site.ask(caller, "tasks.options", name=task.name, field=each.spec.name, values=others)
                each.options = [(option.value, option.label) for option in found.items]

    def _shown(self, request: Request, task: Task[..., Any], values: Mapping[str, Any]) -> Shown:
        origin = f"{request.url.scheme}://{request.url.netloc}"
        page = origin + self._site.url(request, f"/tasks/{task.name}")
        return shown(task, task.form(), values, page=page, api=origin + self._site.url(request, f"/api/v1/tasks/{task.name}/start"))

    async def suggest(self, request: Request) -> Response:
        caller = caller_of(request)
        task = task_of(self._site, caller, request.path_params["name"])
        query = request.query_params
        specs = [each for each in task.form() if each.name in _told(task)]
        data: dict[str, list[Any]] = {}
        for name, text in query.multi_items():
            data.setdefault(name, []).append(text)
        name = query.get("_field", "")
        values = {key: value for key, value in read(posted(specs, data))[0].items() if key != name}
        found = await self._site.ask(caller, "tasks.options", name=task.name, field=name, values=values)
        return self._site.render(request, "tasks/options.html", items=found.items)

    # -- doing

    async def take(self, request: Request) -> Response:
        caller, page = caller_of(request), page_of(request)
        task = task_of(self._site, caller, request.path_params["name"])
        try:
            came = await receive(self._site.app, request, task.form(), caller)
        except Refused as error:
            raise HTTPException(kind_of(error).status, error.detail) from None
        zone = came.text("_zone") if is_zone(came.text("_zone")) else page.zone.key
        fields = posted(task.form(), came.data, zone=zone)
        for each in walk(fields):
            if not is_zone(each.zone) and each.zone != NO_ZONE:
                each.zone = zone
            if each.name in came.refused:
                each.errors.append(came.refused[each.name])
        form = Form(fields, again=came.text("_from"), options={name: came.text(f"_{name}").strip() for name in OPTIONS})
        form.once, form.confirm = came.text("_once")[:100] or form.once, came.text("_confirm").strip()
        form.options = {**form.options, "zone": zone}
        focus = act(fields, came.data, zone=zone)
        if focus is not None:
            form.focus = focus
            return await self._page(request, task, form)
        if "_show" in came.data:
            form.shows, form.focus = True, "shown"
            return await self._page(request, task, form)
        if "_save" in came.data:
            return await self._keep(request, task, form, came)
        return await self._start(request, task, form, came)

    async def _keep(self, request: Request, task: Task[..., Any], form: Form, came: Received) -> Response:
        values, problems = read(form.fields)
        name, language = came.text("_preset").strip(), page_of(request).language
        said = [each for each in task.form() if each.name in values and each.widget != "password"]
        kept = {each.name: values[each.name] for each in said if scrubbed(each, values[each.name]) == values[each.name]}
        try:
            if problems:
                raise InvalidParams("unreadable", problems)
            if not name:
                raise InvalidParams("no name", [Problem("_preset", t("web.tasks.preset.nameless", language=language))])
            saved = await self._site.ask(
                caller_of(request), "presets.save", task=task.name, name=name, params=kept, shared="_shared" in came.data
            )  # fmt: skip
        except InvalidParams as error:
            form.faults = [replace(each, id="preset") if each.id is None else each for each in attach(form.fields, error.problems)]
            return await self._page(request, task, form, 422)
        return self._site.see(request, f"/tasks/{task.name}", _preset=saved.id)

    async def _start(self, request: Request, task: Task[..., Any], form: Form, came: Received) -> Response:
        caller = caller_of(request)
        values, problems = read(form.fields)
        said = {each.where for each in problems}
        broken = [Problem("", why) for why in came.refused.values()]
        checked = await self._site.ask(caller, "tasks.check", name=task.name, params=values)
        problems += [Problem(each.field, each.what) for each in checked.problems if each.field not in said]
        if broken:  # a file that was not taken: that it is missing need not be said as well
            wrong = {_where(form.fields, name) for name in came.refused}
            problems = [each for each in problems if each.where not in wrong]
        form.faults = [
            *(Fault(f"f-{name}", "", why) for name, why in came.refused.items()), *attach(form.fields, problems)
        ]  # fmt: skip
        is_confirmed = task.spec.danger is None or form.confirm == task.name
        run: str | None = None
        is_new = True
        try:
            options = self._options(form)
            if (
                not form.faults or not is_confirmed
            ):  # what is not confirmed is asked for all the same: it is refused there, and written down
                run, is_new = await self._once(task, form, caller, values, options, is_confirmed=is_confirmed)
        except NotConfirmed:
            form.faults.append(
                Fault("confirm-name", "", t("web.tasks.danger.unconfirmed", language=page_of(request).language, name=task.name))
            )
        except InvalidParams as error:
            form.faults += attach(form.fields, error.problems) or [Fault(None, "", str(error))]
        except ConfigurationError as error:
            form.faults.append(Fault("options", "", str(error)))
        except MainspringError as error:
            if status_of(error) != 409:
                raise
            form.faults.append(Fault(None, "", str(error)))
            return await self._page(request, task, form, 409)
        if run is None or form.faults:
            return await self._page(request, task, form, 422)
        if "_wait" in came.data and not request.scope.get("mainspring.polling"):
            await self._wait(run)
        return self._site.see(request, f"/runs/{run}", done="started" if is_new else "there")

    def _options(self, form: Form) -> dict[str, Any]:
        """Return how the run is to be done; raises `ConfigurationError`."""
        found: dict[str, Any] = {name: text for name, text in form.options.items() if text and name != "zone"}
        if "retries" in found:
            if not found["retries"].isdecimal():
                raise ConfigurationError(f"retries={found['retries']!r}: a number is needed")
            found["retries"] = int(found["retries"])
        if "run_at" in found:
            try:
                found["run_at"] = read_moment(found["run_at"], form.options["zone"])
            except LookupError:
                raise ConfigurationError(f"run_at={found['run_at']!r}: no clock in {form.options['zone']} ever shows it") from None
        return found

    async def _once(
        self, task: Task[..., Any], form: Form, caller: Caller, values: Mapping[str, Any], options: Mapping[str, Any], *, is_confirmed: bool
    ) -> tuple[str, bool]:  # fmt: skip
        """Start a run, or return the one that this form has started already; answers also whether it is new."""
        app = self._site.app
        key = "form:" + hashlib.sha256(f"{task.name}\n{form.once}".encode()).hexdigest()
        until = asyncio.get_running_loop().time() + ANSWERED
        while isinstance(found := await idempotency.claim(app, caller, key, "", patience=PATIENCE, may_repeat=True), idempotency.Held):
            if found.status is not None:
                return found.body, False
            if asyncio.get_running_loop().time() > until:
                raise HTTPException(409, "the first request of this form has not been answered yet")
            await asyncio.sleep(0.05)
        try:
            asked = _planned({
                "task": task.name, "params": values, "run_id": found.run_id, "retry_of": form.again or None, "is_confirmed": is_confirmed,
                **options,
            })  # fmt: skip
            made: Enqueued = await enqueue_run(app, asked, caller)
        except MainspringError:
            await idempotency.release(app, found)
            raise
        except BaseException:
            await asyncio.shield(idempotency.interrupt(app, found))
            raise
        await idempotency.answer(app, found, 303, {}, made.id)
        return made.id, made.is_new

    async def _wait(self, run_id: str) -> None:
        try:
            await self._site.app.wait_for(run_id, WAIT)
        except StillRunning:
            pass

    async def forget(self, request: Request) -> Response:
        caller = caller_of(request)
        task = task_of(self._site, caller, request.path_params["name"])
        await self._site.ask(caller, "presets.delete", task=task.name, id=request.path_params["id"])
        return self._site.see(request, f"/tasks/{task.name}")


def _planned(values: Mapping[str, Any]) -> PlannedRequest:
    """Check how a run is to be done; raises `ConfigurationError` for the first thing that is wrong."""
    from pydantic import ValidationError

    try:
        return PlannedRequest.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(str(problems_of(error)[0])) from None


def _told(task: Task[..., Any]) -> set[str]:
    """Return the parameters that functions which make suggestions are told: all but secrets and files."""
    return {each.name for each in task.form() if not is_private(each)}


def _note(form: Form, found: Prefill) -> None:
    if found.unknown:
        form.notes.append(("web.tasks.note.unknown", ", ".join(found.unknown)))
    if found.private:
        form.notes.append(("web.tasks.note.private", ", ".join(found.private)))


def _where(fields: Sequence[Field], name: str) -> str:
    """Return the dotted path of a control, as problems name it."""
    return next((each.name.replace("[", ".").replace("]", "") for each in walk(fields) if each.name == name), name)


def _utc_of(found: Field) -> str:
    """Return the moment that a control shows in UTC, for the line below it."""
    from datetime import UTC, datetime

    try:
        at = datetime.fromisoformat(read_moment(found.text, found.zone))
    except (ValueError, LookupError):
        return ""
    return "" if at.tzinfo is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _place(found: Field, row: Any) -> int:
    return next((number for number, each in enumerate(found.rows, 1) if each is row), len(found.rows) + 1)
