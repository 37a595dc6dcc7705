"""What the head and the ways out of a loop say about its end."""

from __future__ import annotations

import ast
import re

from mainspring.advisor.patterns import pattern

_STOP = pattern(
    r"stop|shut|running|clos(ed|ing)|exit|quit|terminat|cancel|kill|alive|keep_going|disconnect|is_active|\bactive|interrupt|should_(run|continue)"
    r"|abort"
)
"""Names of signals from outside: who leaves a loop by these has not got anywhere."""
_EVENT = pattern(r"(not )?\w+\.[\w.]+\.is_set\(\)")
_HAS_COME = pattern(r"done|ready|complet|finish|found|result|success|loaded|connect|start|receiv|answer|available|init|got", re.IGNORECASE)
"""Names of events that tell how far something is: all others are somebody's word that it is enough."""
_ON = pattern(
    r"(\w+\.)*_*(run|run_\w+|go|go_on|enabled|\w+_enabled|(is_)?(polling|serving|monitoring|listening|watching|looping|working|subscribed)|polling_\w+)"
)
"""Names of switches that somebody else turns off."""
_PROGRESS = pattern(r"time\(|monotonic|deadline|timeout|remaining|attempt|retries|tries|count|len\(|<|>|\bdone\b|finished")
_STILL_ITS_OWN = pattern(  # no other took over
    r" is (threading\.current_thread|asyncio\.current_task|current_thread|current_task)\(\)$"
    r"|^self\.\w*(id|token|generation|epoch|version|thread|task|current|active)\w* (==|is) [a-z_]+$"
)
_WAIT = pattern(r"\.wait\([^()]*(\([^()]*\)[^()]*)*\)")  # its limit is none of the loop's
_ENDLESS_ITERATORS = ("itertools.cycle", "itertools.count", "itertools.repeat")
_RECEIVE = pattern(r"\.(get|get_nowait|recv|receive|pop|popleft)\((timeout=[^)]*|block=[^)]*|)\)")


def is_stop_signal(text: str) -> bool:
    """Say whether a condition only asks for a signal to stop."""
    text = _WAIT.sub(".wait()", text.replace("->", ""))
    if _EVENT.fullmatch(text):
        return not _HAS_COME.search(text)
    return bool(_STOP.search(text.lower())) and not _PROGRESS.search(text)


def is_endless_while(test: ast.expr, text: str) -> bool:
    """Say whether nothing in a while's head ends it but a stop signal."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.BoolOp):
        parts = [is_endless_while(part, ast.unparse(part)) for part in test.values]
        return all(parts) if isinstance(test.op, ast.And) else any(parts)
    return is_stop_signal(text) or bool(_STILL_ITS_OWN.search(text) or _ON.fullmatch(text))


def is_endless_for(iterates: str, arguments: int) -> bool:
    """Say whether a for loop goes over something without an end: ``cycle``, ``count``, ``iter(f, sentinel)``."""
    if iterates == "iter":
        return arguments == 2
    return iterates in _ENDLESS_ITERATORS and (iterates != "itertools.repeat" or arguments < 2)


def is_exit(condition: str, sentinels: set[str]) -> bool:
    """Say whether leaving a loop under this condition shows progress or a deadline: not a stop signal, not a sentinel of a queue."""
    if not condition:
        return True
    if condition.startswith("except"):
        return not re.search(r"Cancel|Interrupt|Exit|Disconnect|Closed|Shutdown|StopIteration|Runtime|BaseException|Exception", condition)
    if is_stop_signal(condition):
        return False
    name, _, rest = condition.partition(" ")
    return not (name in sentinels and re.match(r"(is|==) \(?[A-Za-z_]+$", rest))


def is_deadline(condition: str) -> bool:
    """Say whether an error that leaves a loop comes from a limit of time or tries: any other says nothing about its end."""
    return not condition.startswith("except") and bool(_PROGRESS.search(condition)) and not is_stop_signal(condition)


def is_received(text: str) -> bool:
    """Say whether a value comes out of a queue or a socket: ``await queue.get()``."""
    return bool(_RECEIVE.search(text))
