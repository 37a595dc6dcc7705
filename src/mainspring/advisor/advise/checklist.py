"""What a definition of a kind has to say for itself: concrete values, made of the answers. Codes and code; words are made at the face."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mainspring.advisor.advise.answers import YES, Answers, Length, Question
from mainspring.advisor.advise.cues.lexicon import Special
from mainspring.advisor.advise.decide import by_clock
from mainspring.advisor.advise.rhythm import rhythm_of
from mainspring.advisor.finding import Kind

_LADDER = (
    (5, "10s"), (15, "30s"), (30, "1m"), (150, "5m"), (450, "15m"), (900, "30m"), (1800, "1h"), (3600, "2h"), (7200, "4h"), (14400, "8h"),
    (43200, "1d"),
)  # fmt: skip
_LONGEST = "7d"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist: what it is about, which text says why (``advise.check.NAME.VARIANT``), and what to write."""

    name: str
    variant: str
    code: str


def timeout_for(seconds: float | None) -> str:
    """Return a timeout with room: about twice what the work takes at most, five minutes where nobody has said."""
    if seconds is None:
        return "5m"
    return next((text for most, text in _LADDER if seconds <= most), _LONGEST)


def checklist(
    kind: Kind, answers: Answers, specials: Collection[Special], *, name: str = "task_name", text: str = "", language: str = "en"
) -> tuple[Item, ...]:
    """Return what to decide for a kind, with suggestions; for plain code only how long it may take, and whether it must last."""
    network = answers[Question.NETWORK] is YES or answers[Question.RETRIED] is YES
    if kind is Kind.NONE:
        found = [Item("timeout", "inline", "asyncio.timeout(5)")] if answers[Question.NETWORK] is not False else []
        if answers[Question.SURVIVE] is YES:
            found.append(Item("survive", "transaction", "with connection.begin(): …"))
        return (*found, Item("tests", "inline", ""))
    if kind is Kind.SIDE:
        return (
            Item("stop", "service", "while await ctx.sleep(1): …"), Item("restart", "service", 'restart="always", backoff="5s"'),
            Item("probe", "service", 'probe=is_connected, probe_every="30s"'),
            Item("overlap", "service", 'instances="one"; hand ctx.fence to what is written to'),
            *([Item("secrets", "reference", "Secret")] if network else []), Item("tests", "service", f"test_{name}_tasks.py"),
        )  # fmt: skip
    found = list[Item]()
    if kind is Kind.CRON or (kind is Kind.WORKFLOW and by_clock(answers)):
        found.append(Item("schedule", "zone", rhythm_of(text, language) or 'cron("0 3 * * *", tz="Europe/Berlin")'))
    length = answers[Question.DURATION]
    timeout = timeout_for(None if length is Length.FOREVER else answers.seconds)
    found.append(Item("timeout", "named" if answers.seconds is not None else "guessed", f'timeout="{timeout}"'))
    found.append(
        Item("retry", "network", 'retry=Retry(retries=5, delay="10s", cap="10m")') if network
        else Item("retry", "plain", "retry=Retry(retries=2)")
    )  # fmt: skip
    found.append(_dedupe(kind, specials, name))
    found.append(Item("secrets", "reference" if network else "none", "api_key: Secret" if network else ""))
    found.append(
        Item("overlap", "cron", 'overlap="skip"')
        if kind is Kind.CRON
        else Item("overlap", "keyed", 'overlap=Overlap("queue", key="{subject_id}")')
    )
    if answers[Question.POLLED] is YES:
        found.append(Item("progress", "polled", "ctx.progress(done, total)"))
    if kind is Kind.WORKFLOW:
        found.append(Item("steps", "marker", f'options(key="{name}:{{subject_id}}:STEP")'))
    found.append(Item("tests", "three", f"test_{name}_tasks.py"))
    return tuple(found)


def _dedupe(kind: Kind, specials: Collection[Special], name: str) -> Item:
    key = f"{name}:{{subject_id}}"
    if Special.DEBOUNCE in specials:
        return Item("dedupe", "debounce", f'dedupe=Dedupe("{key}", "debounce", window="1m")')
    if Special.DELAYED in specials:
        return Item("dedupe", "delayed", f'dedupe=Dedupe("{key}", "replace"), and .options(delay="2h") or .options(run_at=…)')
    if kind is Kind.CRON:
        return Item("dedupe", "slot", "")
    return Item("dedupe", "key", f'dedupe=Dedupe("{key}")')


def features_of(items: Collection[Item]) -> list[str]:
    """Return the features that the suggestions use, for their gates."""
    names = {"dedupe": "dedupe", "overlap": "overlap", "secrets": "secrets", "progress": "progress"}
    found = [names[item.name] for item in items if item.name in names and item.code and item.variant not in ("service", "keyed")]
    return found + (["zones"] if any(item.name == "schedule" and "tz=" in item.code for item in items) else [])
