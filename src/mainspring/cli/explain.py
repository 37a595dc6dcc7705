"""``explain``: the sentence that says why a run has not started, or why it stopped."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from mainspring.cli.ansi import clean_line
from mainspring.cli.derive import command_for
from mainspring.cli.present import moment
from mainspring.i18n import t


def sentence(view: Any) -> str:
    """Return an explanation as one harmless sentence."""
    told = {name: _words(value) for name, value in view.values.items()}
    told |= {f"by_{name}": t("explain.by", actor=value) if value is not None else "" for name, value in view.values.items() if name == "by"}
    why = view.values.get("reason")
    told["why"] = f": {_words(why)}" if why else ""
    said = ": ".join(_words(view.values[name]) for name in ("type", "message") if view.values.get(name))
    told["said"] = f" ({said})" if said else ""
    told["more"] = t("explain.at-least") if view.values.get("is_more") else ""
    if (n := view.values.get("attempts")) is not None:
        told["tries"] = t("explain.one-attempt" if n == 1 else "explain.attempts", n=n)
    allowed = [t(f"explain.{each}", n=view.values[each]) for each in ("concurrency", "rate") if view.values.get(each) is not None]
    told["allowed"] = ", ".join(allowed) or t("explain.unlimited")
    told["since_at"] = t("explain.since", at=told["at"]) if view.values.get("at") is not None else ""
    if (slots := view.values.get("slots")) is not None and slots > 1:
        told["several"] = t("explain.several", n=slots, since=view.values.get("since") or "-")
    else:
        told["several"] = ""
    slot, schedule = told.get("slot"), view.values.get("schedule")
    told["whose"] = t("explain.whose", schedule=schedule, slot=slot) if schedule and view.values.get("slot") else ""
    return clean_line(t(f"explain.{view.code}", **told))


def _words(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    return "?" if value is None else str(value)


def _show(view: Any) -> None:
    click.echo(sentence(view))


explain = command_for("runs.explain", _show)
