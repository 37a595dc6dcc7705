"""What started work weighs, and which kind of task it should be: read off what its target does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from mainspring.advisor.effects import Effect, Effects
from mainspring.advisor.finding import Evidence, Ground, Kind
from mainspring.advisor.patterns import pattern

# What others see or pay for: losing it in the middle is noticed by somebody.
SHARED = (Effect.NETWORK, Effect.LLM, Effect.DB_WRITE, Effect.SUBPROCESS, Effect.FILE, Effect.CPU)
# Steps that reach out of the house: two of them are a sequence that may stop in the middle.
OUTSIDE = (Effect.NETWORK, Effect.LLM, Effect.SUBPROCESS)
LONG_SLEEP = 1.0

_VERBS = pattern(
    r"(?:^|_)(?:send|e?mails?|notify|notification|upload|publish|sync|import|export|process|generate|(?:re)?index|train|deploy|back_?up|download|fetch"
    r"|scrape|crawl|transcribe|transcode|summari[sz]e|embed|ingest|convert|render|charge|refund|deliver|webhook|analy[sz]e|execute|store|save"
    r"|update|delete|create|provision|migrate|archive|translate|classify|extract|parse|dispatch|persist|write|insert|evaluate|pipeline|workflow"
    r"|compute|calculate|add|init|initiali[sz]e|post|put|apply|register|seed|bootstrap|check|watch|alerts?|report|error|failure|success|finali[sz]e|forward|publish|broadcast|enqueue|schedule|listen|consume|receive|drain|transfer|copy|move|fail|complete|retry|resume|push|pull|load|warm|prefetch|prepare|record|log_event|answer|reply|respond|chat|message|invoke|call|get|on|rebuild|build|install|restart|scan|refresh|reload|trigger|handle|perform|run|do|start|launch|stop|clean_?up|\w+_worker|submit|track|capture|audit)(?:_|$|[A-Z])",
    re.IGNORECASE,
)
_SAYS_NOTHING = frozenset(
    {"run", "start", "main", "loop", "work", "worker", "target", "on", "do", "get", "call", "inner", "wrapper", "runner", "func"}
)
_ENDS = frozenset({"close", "aclose", "shutdown", "terminate", "cancel", "unlink", "release"})  # of something that this process has
_SETTLES = frozenset({"callback", "errback", "set", "set_result", "set_exception"})  # of a future or an event that this process has
_HARMLESS = pattern(
    r"_*(?:close|aclose|unlink|remove_?temp\w*|rmtree|cleanup_?temp\w*|cancel|release|shutdown|terminate|debug|print)(?:_|$)", re.IGNORECASE
)
# What keeps something of this process alive, watches it or ends it, where nothing else is known of it: as its first word, or anywhere.
_UPKEEP = (
    r"close|aclose|release|terminate|kill|abort|disconnect|reconnect|connect|interrupt|keep_?alive|heart_?beat|ping|watch\w*|monitor\w*|reap\w*|expire\w*|evict\w*|pump\w*"
    r"|reader?|read_loop|read_messages|receiver\w*|recv\w*|health\w*|ack"
)
UPKEEP = pattern(rf"_*(?:un[a-z]+|{_UPKEEP})(?:_|$)", re.IGNORECASE)
TENDS = pattern(
    rf"(?:^_*|_)(?:{_UPKEEP}|terminate|shutdown|stop|kill|retire|clean_?up|remove|unlink|drain|keep|hold(?:ing)?|lease|poll\w*|receive_loop"
    r"|timeout|touch|prune|unregister|unsubscribe|stats|history|deactivate|deregister|detach|graceful\w*|sweep\w*)(?:_|$)",
    re.IGNORECASE,
)
LEAVES = pattern(
    r"(?:^|_)(?:close|aclose|clean_?up|cancel|shutdown|stop|terminate|kill|release|disconnect|unsubscribe|finish|reap)(?:_|$)",
    re.IGNORECASE,
)


class Weight(StrEnum):
    """How much is lost when the work is."""

    SHARED = "shared"  # others notice
    LIKELY = "likely"  # nobody has seen what it does, but its name says that it does something
    UNKNOWN = "unknown"
    ENQUEUES = "enqueues"  # it only hands work on to an engine
    LOCAL = "local"  # this process only


class Body(StrEnum):
    """How much of a target can be read."""

    UNSEEN = "unseen"
    SEEN = "seen"
    NESTED = "nested"  # written for this one place


def weight_of(effects: Effects, name: str, body: Body) -> Weight:
    """Return how much a target weighs; ``name`` is what it is called, a last hint where its body is out of sight."""
    last = name.rpartition(".")[2]
    if last in _ENDS or ("." in name and last in _SETTLES):
        return Weight.LOCAL
    if any(effects.has(each) for each in SHARED):
        return Weight.SHARED
    if effects.has(Effect.ENQUEUE):
        return Weight.ENQUEUES
    if effects.is_local_only and effects.found:  # a body without a call is an abstract one
        return Weight.LOCAL
    if body is Body.NESTED and _is_forgetting(effects):
        return Weight.LOCAL
    if body is Body.UNSEEN and (harmless := _HARMLESS.match(last)) is not None and not _VERBS.search(last[harmless.end() :]):
        return Weight.LOCAL
    if body is Body.NESTED:
        return Weight.LIKELY
    if last.strip("_") in _SAYS_NOTHING or last.endswith("_loop"):
        return Weight.UNKNOWN
    return Weight.LIKELY if _VERBS.search(last) else Weight.UNKNOWN


def _is_forgetting(effects: Effects) -> bool:
    """Whether something only waits before it changes what this process holds."""
    if effects.is_unknown:
        return False
    return set(effects.found) in ({Effect.SLEEP, Effect.LOCAL}, {Effect.SLEEP, Effect.FOREVER})  # the last waits, and that is all


def kind_of(effects: Effects) -> tuple[Kind, tuple[Kind, ...]]:
    """Return the kind of task that fits a target that ends, and what else might."""
    steps = sum(len(effects.evidence(each)) for each in OUTSIDE)
    if effects.has(Effect.ENQUEUE) and steps:
        return Kind.WORKFLOW, (Kind.ADHOC,)
    return Kind.ADHOC, (Kind.WORKFLOW,) if steps > 1 else ()


def evidence_of(effects: Effects, most: int = 3) -> tuple[Evidence, ...]:
    """Return the first lines that say what a target does."""
    seen: dict[Evidence, None] = {}
    for each in (*SHARED, Effect.SLEEP, Effect.ENQUEUE):
        for evidence in effects.evidence(each):
            seen.setdefault(evidence)
    return tuple(seen)[:most]


def contradictions(effects: Effects, left_at: str) -> Iterator[tuple[Ground, str]]:
    """Yield the grounds that are not true of a piece of work, each with the line that says so.

    ``left_at`` is the line that leaves it to itself for good; empty where somebody may still wait for it or cancel it.
    """
    for each in (Effect.NETWORK, Effect.LLM, Effect.SUBPROCESS):
        if first := effects.evidence(each):
            yield Ground.SUB_SECOND, _line(first[0])
            break
    else:
        if effects.sleep is not None and effects.sleep >= LONG_SLEEP and (slept := effects.evidence(Effect.SLEEP)):
            yield Ground.SUB_SECOND, _line(slept[0])
    for each in (Effect.DB_WRITE, Effect.ENQUEUE):
        if first := effects.evidence(each):
            yield Ground.PROCESS_LOCAL, _line(first[0])
            break
    if left_at:
        yield Ground.REQUEST_SCOPED, left_at
        yield Ground.STREAM_SCOPED, left_at


def _line(evidence: Evidence) -> str:
    return f"{evidence.path}:{evidence.line} {evidence.text}"
