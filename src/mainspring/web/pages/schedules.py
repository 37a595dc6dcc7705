"""Schedules: what is done by itself, when it is due next, and what operators want of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, get_args
from urllib.parse import quote

from pydantic import ValidationError
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mainspring.core.errors import Conflict, InvalidParams, NotConfirmed, Problem, VersionConflict
from mainspring.core.schedule import Schedule
from mainspring.core.schedule_words import describe_schedule
from mainspring.i18n import t
from mainspring.i18n.sentence import sentence
from mainspring.operations import agenda, schedules, tasks
from mainspring.operations.schedules import ScheduleView, StateWord
from mainspring.operations.tasks import TaskView
from mainspring.operations.wrong import problems_of
from mainspring.web.access import caller_of
from mainspring.web.pages.search import FINDERS, Hit
from mainspring.web.pages.when import HOWS, WEEKDAYS, When, from_definition, from_form
from mainspring.web.shell.recent import Recent
from mainspring.web.site import Page, Site, page_of

PAGE = 50
STRIP = 60  # runs of a heat strip
PREVIEWED, SHOWN = 10, 50  # slots to come: under the form, and of one schedule
LANES = 40  # schedules that are due first
FRESH = 5.0  # seconds that the list of tasks serves
LATE = 60.0  # seconds past which one that was due is late
OPTIONS = ("misfire", "grace", "jitter", "window", "start", "end")  # of a definition, as texts
_STATES: tuple[str, ...] = get_args(StateWord)


async def find_schedules(site: Site, page: Page, words: str) -> list[Hit]:
    """Find schedules by their names and tasks."""
    if not words.strip():
        return []
    view = await schedules.list_schedules(site.app, schedules.ListRequest.model_validate({"words": words[:200], "limit": 10}), page.caller)
    return [Hit(each.name, _path(each.name, each.tenant), "web.search.schedule", "calendar-clock") for each in view.items]


FINDERS.append(find_schedules)


def routes(site: Site) -> list[BaseRoute]:
    """Return the pages of this room."""
    app, known = site.app, Recent[dict[str, TaskView]]()

    async def tasks_of(request: Request) -> Mapping[str, TaskView]:
        caller = caller_of(request)

        async def ask() -> dict[str, TaskView]:
            view = await tasks.list_tasks(app, tasks.TasksRequest(category=None, tag=None), caller)
            return {each.name: each for each in view.items}

        user = caller.user
        return await known.get((user.name, user.kind, user.role, user.teams, user.tasks), ask, fresh=FRESH, patience=10.0) or {}

    async def list_page(request: Request) -> Response:
        query, page, caller = request.query_params, page_of(request), caller_of(request)
        view, q = query.get("view", ""), query.get("q", "")
        asked: dict[str, Any] = {"words": q[:200] or None, "task": query.get("task") or None}
        values: dict[str, Any] = {"title": t("web.schedules.title", language=page.language), "q": q, "view": view}
        if view in ("lanes", "calendar"):
            is_lanes = view == "lanes"
            asked |= {"within": "24h" if is_lanes else "7d", "limit": LANES if is_lanes else agenda.MOST_SCHEDULES}
            due = await agenda.show_agenda(app, agenda.AgendaRequest.model_validate(asked), caller)
            drawn = _lanes(page, due) if is_lanes else _calendar(page, due)
            return site.render(request, f"schedules/{view}.html", **values, agenda=due, **drawn)
        state = [each for each in query.getlist("state") if each in _STATES]
        sort = query.get("sort", "name") if query.get("sort") in ("name", "next", "last") else "name"
        asked |= {
            "state": state or None, "drifted": query.get("drifted") == "1", "sort": sort, "counts": True, "strips": STRIP, "limit": PAGE,
            "after": query.get("after", "")[:600] or None,
        }  # fmt: skip
        found = await schedules.list_schedules(app, schedules.ListRequest.model_validate(asked), caller)
        return site.render(
            request, "schedules/list.html", **values, found=found, known=await tasks_of(request), state=state, sort=sort, slots=STRIP,
            rows=[(each, _said(page, each.definition), _is_late(page, each)) for each in found.items],
            states=[each for each in _STATES if (found.counts or {}).get(each)],
        )  # fmt: skip

    async def show_page(request: Request) -> Response:
        return await shown(request)

    async def shown(request: Request, status: int = 200, problems: list[tuple[str, str]] | None = None) -> Response:
        page, caller, which = page_of(request), caller_of(request), _which(request)
        found = await schedules.show_schedule(app, schedules.ShowRequest(**which, zone=page.zone.key), caller)
        upcoming = None
        if found.problem is None and found.definition is not None:
            coming = schedules.NextRequest(**which, zone=page.zone.key, after=None, limit=SHOWN)
            upcoming = await schedules.list_upcoming(app, coming, caller)
        before = request.query_params.get("before") or None
        past = await schedules.list_history(app, schedules.HistoryRequest(**which, before=before, limit=PAGE), caller)
        return site.render(
            request, "schedules/show.html", status, title=found.name, s=found, said=_said(page, found.definition),
            coded=_said(page, found.code), upcoming=[] if upcoming is None else upcoming.items, past=past,
            task=(await tasks_of(request)).get(found.task), late=_is_late(page, found), problems=problems or [], odd=_odd,
        )  # fmt: skip

    # -- the form

    async def new_page(request: Request) -> Response:
        query = request.query_params
        source = None
        if query.get("from"):
            asked = schedules.ShowRequest(name=query["from"], tenant=query.get("tenant", ""), zone="UTC")
            source = await schedules.show_schedule(app, asked, caller_of(request))
        given = _filled(query, source)
        if source is not None:
            given |= {"name": query.get("name", f"{source.name}-2"), "task": source.task, "tenant": source.tenant}
        return await formed(request, given, _when_of(query, source), None)

    async def edit_page(request: Request) -> Response:
        which = _which(request)
        found = await schedules.show_schedule(app, schedules.ShowRequest(**which, zone="UTC"), caller_of(request))
        query = request.query_params
        given = _filled(query, found) | {"name": found.name, "tenant": found.tenant, "task": found.task, "version": str(found.version)}
        return await formed(request, given, _when_of(query, found), found)

    async def formed(
        request: Request, given: dict[str, str], when: When, source: ScheduleView | None, status: int = 200,
        problems: list[tuple[str, str]] | None = None, mine: ScheduleView | None = None,
    ) -> Response:  # fmt: skip
        page = page_of(request)
        known = await tasks_of(request)
        title = t("web.schedules.edit.title" if source else "web.schedules.new", language=page.language, name=given.get("name", ""))
        return site.render(
            request, "schedules/form.html", status, title=title, given=given, when=when, source=source, problems=problems or [], hows=HOWS,
            weekdays=WEEKDAYS, options=OPTIONS, task=known.get(given.get("task", "")), names=sorted(known), mine=mine,
            theirs=_said(page, mine.definition) if mine else "", **await previewed(request, given, when),
        )  # fmt: skip

    async def previewed(request: Request, given: Mapping[str, str], when: When) -> dict[str, Any]:
        """Return the words and the next slots of what the form says, or what is wrong with it."""
        page = page_of(request)
        nothing: dict[str, Any] = {"preview": [], "preview_said": "", "preview_problems": [], "preview_of": None, "odd": _odd}
        try:
            asked = {"expression": when.expression, "zone": page.zone.key, "limit": PREVIEWED, **_options(given)}
            found = await schedules.preview_schedule(app, schedules.PreviewRequest.model_validate(asked), caller_of(request))
        except ValueError as error:
            return nothing | {"preview_problems": [(_field_of(error), _wrong(page, _field_of(error)))]}
        except InvalidParams as error:
            return nothing | {"preview_problems": [(each.where, each.what) for each in error.problems]}
        said = _said(page, found.definition)
        of = found.definition
        return nothing | {"preview": found.items, "preview_said": said, "preview_of": of, "preview_zone": of["tz"]}

    async def preview_part(request: Request) -> Response:
        query = request.query_params
        given = _filled(query, None)
        return site.render(request, "schedules/preview.html", **await previewed(request, given, _when_of(query, None)))

    async def create(request: Request) -> Response:
        form = await request.form()
        given, when = _filled(form, None), _when_of(form, None)
        try:
            asked = {
                "name": given.get("name", ""), "task": given.get("task", ""), "tenant": given.get("tenant", ""),
                "expression": when.expression,
                "is_confirmed": form.get("confirmed") == "1", "reason": given.get("reason") or None, **_options(given), **_params(given),
            }  # fmt: skip
            made = await schedules.create_schedule(app, schedules.CreateRequest.model_validate(asked), caller_of(request))
        except (ValueError, InvalidParams, Conflict, NotConfirmed) as error:
            return await formed(request, given, when, None, 409 if isinstance(error, Conflict) else 422, _problems(page_of(request), error))
        return site.see(request, _path(made.name), tenant=made.tenant or None, done="scheduled")

    async def edit(request: Request) -> Response:
        form, which, caller, page = await request.form(), _which(request), caller_of(request), page_of(request)
        given, when = _filled(form, None) | which, _when_of(form, None)
        found = await schedules.show_schedule(app, schedules.ShowRequest(**which, zone="UTC"), caller)
        given["task"] = found.task
        try:
            version = given.get("version", "")
            asked = {
                **which, "expression": when.expression, "version": int(version) if version.isdigit() else None,
                "reason": given.get("reason") or None, **{name: given.get(name) or "none" for name in OPTIONS}, **_params(given),
                "tz": given.get("tz") or "UTC",
            }  # fmt: skip
            await schedules.edit_schedule(app, schedules.EditRequest.model_validate(asked), caller)
        except VersionConflict:
            now = await schedules.show_schedule(app, schedules.ShowRequest(**which, zone="UTC"), caller)
            return await formed(request, given | {"version": str(now.version)}, when, now, 409, mine=now)
        except (ValueError, InvalidParams, Conflict) as error:
            return await formed(request, given, when, found, 409 if isinstance(error, Conflict) else 422, _problems(page, error))
        return site.see(request, _path(found.name), tenant=found.tenant or None, done="saved")

    # -- verbs

    async def act(request: Request) -> Response:
        form, which, verb, caller = await request.form(), _which(request), request.path_params["verb"], caller_of(request)
        reason = str(form.get("reason") or "")[:500] or None
        change = schedules.ChangeRequest(**which, reason=reason)
        is_confirmed = form.get("confirmed") not in (None, "")
        try:
            match verb:
                case "pause":
                    until = str(form.get("until") or "").strip() or None
                    await schedules.pause_schedule(app, schedules.PauseRequest(**which, until=until, reason=reason), caller)
                case "resume":
                    await schedules.resume_schedule(app, change, caller)
                case "skip" | "unskip":
                    await schedules.skip_slot(app, schedules.SkipRequest(**which, reason=reason, undo=verb == "unskip"), caller)
                case "run":
                    wanted = schedules.RunNowRequest(**which, reason=reason, is_confirmed=is_confirmed)
                    run = await schedules.run_schedule(app, wanted, caller)
                    return site.see(request, f"/runs/{run.id}", done="started")
                case "backfill":
                    asked = {**which, "reason": reason, "is_confirmed": is_confirmed, "since": str(form.get("since") or ""),
                             "until": str(form.get("until") or "").strip() or None}  # fmt: skip
                    await schedules.backfill_schedule(app, schedules.BackfillRequest.model_validate(asked), caller)
                case "enable":
                    await schedules.enable_schedule(app, change, caller)
                case "disable":
                    await schedules.disable_schedule(app, change, caller)
                case "reset":
                    await schedules.reset_schedule(app, change, caller)
                case _:
                    await schedules.delete_schedule(app, change, caller)
                    return site.see(request, "/schedules", done="deleted")
        except InvalidParams as error:
            return await shown(request, 422, [(each.where, each.what) for each in error.problems])
        except NotConfirmed as error:
            return await shown(request, 409, [("confirmed", str(error))])
        return site.see(request, _path(which["name"]), tenant=which["tenant"] or None, done=f"schedule-{verb}")

    verbs = "/schedules/{name}/{verb}"
    return [
        Route("/schedules", list_page, methods=["GET"]),
        Route("/schedules/new", new_page, methods=["GET"]),
        Route("/schedules/new", create, methods=["POST"]),
        Route("/schedules/preview", preview_part, methods=["GET"]),
        Route("/schedules/{name}", show_page, methods=["GET"]),
        Route("/schedules/{name}/edit", edit_page, methods=["GET"]),
        Route("/schedules/{name}/edit", edit, methods=["POST"]),
        *(
            Route(verbs.replace("{verb}", verb), _with_verb(act, verb), methods=["POST"])
            for verb in ("pause", "resume", "skip", "unskip", "run", "backfill", "enable", "disable", "reset", "delete")
        ),
    ]


def _with_verb(act: Any, verb: str) -> Any:
    async def call(request: Request) -> Response:
        request.path_params["verb"] = verb
        answer: Response = await act(request)
        return answer

    return call


def _which(request: Request) -> dict[str, str]:
    return {"name": request.path_params["name"], "tenant": request.query_params.get("tenant", "")}


def _path(name: str, tenant: str = "") -> str:
    return f"/schedules/{quote(name, safe='')}" + (f"?tenant={quote(tenant, safe='')}" if tenant else "")


def _said(page: Page, definition: Mapping[str, Any] | None) -> str:
    """Return what a definition means, in the language of the page."""
    if definition is None:
        return "–"
    language = "en" if page.language == "qps" else page.language
    return sentence(describe_schedule(Schedule.load(definition)), language=language)


def _is_late(page: Page, row: Any) -> bool:
    return row.state == "active" and row.next_at is not None and (page.now - row.next_at).total_seconds() > LATE


def _odd(each: Any) -> str | None:
    return None if each.oddity is None else f"web.schedules.odd.{each.oddity}"


# -- what a form says


def _filled(given: FormData | QueryParams, source: ScheduleView | None) -> dict[str, str]:
    """Return the fields of the form: what was sent, else what holds, else nothing."""
    held: Mapping[str, Any] = (source.definition or {}) if source is not None else {}
    names = ("name", "task", "tenant", "tz", "params", "reason", "version", *OPTIONS)
    found = {name: str(given[name])[:10_000] for name in names if name in given}
    for name in ("tz", *OPTIONS):
        found.setdefault(name, str(held.get(name, "")))
    params = held.get("params")
    found.setdefault("params", "" if not params else json.dumps(params, ensure_ascii=False, indent=2))
    return found


def _when_of(given: FormData | QueryParams, source: ScheduleView | None) -> When:
    if "how" in given or source is None or source.definition is None:
        texts = {key: str(value) for key, value in given.items() if isinstance(value, str)}
        return from_form(texts, tuple(str(each) for each in given.getlist("weekday")) or (("1",) if "how" not in given else ()))
    return from_definition(str(source.definition["kind"]), str(source.definition["expression"]), str(source.definition["tz"]))


def _options(given: Mapping[str, str]) -> dict[str, Any]:
    return {name: given[name].strip() for name in ("tz", *OPTIONS) if given.get(name, "").strip()}


def _params(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters; raises `InvalidParams` where the text is no JSON object."""
    text = given.get("params", "").strip()
    if not text:
        return {"params": {}}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidParams("no JSON", [Problem("params", f"is no JSON: {error}", None)]) from None
    if not isinstance(found, dict):
        raise InvalidParams("no object", [Problem("params", "must be a JSON object", None)])
    return {"params": found}


def _field_of(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return problems_of(error)[0].where.partition(".")[0]
    return str(error)


def _wrong(page: Page, name: str) -> str:
    return t("web.schedules.wrong", language=page.language, field=name)


def _problems(page: Page, error: Exception) -> list[tuple[str, str]]:
    if isinstance(error, InvalidParams):
        return [(each.where, each.what) for each in error.problems] or [("*", str(error))]
    if isinstance(error, NotConfirmed):
        return [("confirmed", t("web.schedules.confirm-first", language=page.language))]
    if isinstance(error, ValueError):
        return [(_field_of(error), _wrong(page, _field_of(error)))]
    return [("*", str(error))]


# -- drawings


def _lanes(page: Page, found: agenda.AgendaView) -> dict[str, Any]:
    """Return the lanes of a day: for each schedule where its runs lie, in percent of it, and where they overlap."""
    span = (found.until - found.since).total_seconds()

    def place(moment: datetime) -> float:
        return round((moment - found.since).total_seconds() / span * 100, 2)

    lanes = []
    for each in found.items:
        length = timedelta(milliseconds=each.usual_ms or 0.0)
        width = max(length.total_seconds() / span * 100, 0.2)
        marks = [
            (place(slot), round(width, 2), n + 1 < len(each.slots) and each.slots[n + 1] - slot < length, slot)
            for n, slot in enumerate(each.slots)
        ]
        lanes.append((each, marks))
    local = found.since.astimezone(page.zone).replace(minute=0, second=0, microsecond=0)
    hours = [local + timedelta(hours=n) for n in range(1, 26)]
    ticks = [(place(hour), f"{hour.astimezone(page.zone):%H:%M}") for hour in hours if hour.astimezone(page.zone).hour % 3 == 0]
    return {"lanes": lanes, "ticks": [(x, text) for x, text in ticks if 1 <= x <= 99]}


def _calendar(page: Page, found: agenda.AgendaView) -> dict[str, Any]:
    """Return a week of hours: rows are days, cells are how many runs begin; in the reader's zone."""
    first = found.since.replace(minute=0, second=0, microsecond=0)
    most = max(found.hours, default=0)
    days: dict[str, list[tuple[int, int] | None]] = {}
    for n, runs in enumerate(found.hours):
        local = (first + timedelta(hours=n)).astimezone(page.zone)
        cells = days.setdefault(f"{local:%Y-%m-%d}", [None] * 24)
        held = cells[local.hour]
        total = runs + (held[0] if held else 0)  # an hour that comes twice when clocks are put back
        cells[local.hour] = (total, 0 if not total else 1 + min(int(3 * total / (most + 1)), 3))
    weekdays = {day: t(f"web.schedules.day.{datetime.fromisoformat(day).isoweekday() % 7}", language=page.language) for day in days}
    return {"days": list(days.items())[:8], "weekdays": weekdays, "most": most}
