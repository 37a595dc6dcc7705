"""The sentence that says why a run has not started, or why it stopped, in a language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from mainspring.i18n import ENGLISH, t


def explained(code: str, values: Mapping[str, object], moment: Callable[[datetime], str], *, language: str = ENGLISH) -> str:
    """Return an explanation as one sentence; ``moment`` is how times are told."""

    def word(value: object) -> str:
        if isinstance(value, datetime):
            return moment(value)
        return "?" if value is None else str(value)

    def say(key: str, /, **more: object) -> str:
        return t(f"explain.{key}", language=language, **more)

    told = {name: word(value) for name, value in values.items()}
    told |= {f"by_{name}": say("by", actor=value) if value is not None else "" for name, value in values.items() if name == "by"}
    why = values.get("reason")
    told["why"] = f": {word(why)}" if why else ""
    said = ": ".join(word(values[name]) for name in ("type", "message") if values.get(name))
    told["said"] = f" ({said})" if said else ""
    told["more"] = say("at-least") if values.get("is_more") else ""
    if (n := values.get("attempts")) is not None:
        told["tries"] = say("one-attempt" if n == 1 else "attempts", n=n)
    allowed = [say(each, n=values[each]) for each in ("concurrency", "rate") if values.get(each) is not None]
    told["allowed"] = ", ".join(allowed) or say("unlimited")
    told["since_at"] = say("since", at=told["at"]) if values.get("at") is not None else ""
    slots = values.get("slots")
    told["several"] = say("several", n=slots, since=values.get("since") or "-") if isinstance(slots, int) and slots > 1 else ""
    slot, schedule = told.get("slot"), values.get("schedule")
    told["whose"] = say("whose", schedule=schedule, slot=slot) if schedule and values.get("slot") else ""
    return say(code, **told)
