"""Whether a function waits for a sign that its started work is done: an event, a queue, a stream of what it gives."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, FileFacts, Function, ValueForm


def is_awaited_by_signal(
    file: FileFacts, function: Function, call: Call, target: Function | None, names: Collection[str], *, is_awaiting: bool = False
) -> bool:
    """Return whether a function goes on to wait for a sign of the work, or to read what it gives.

    ``names``: what both have. An event, a queue or a stream that is made in the function counts as well, handed over in whatever way.
    ``is_awaiting``: the work runs on the function's own loop, so that only what is awaited waits for it.
    """
    made = {each.target for each in function.calls if _CHANNELS.search(each.ref.rpartition(".")[2])}
    roots = {
        name
        for name in (names if is_awaiting and target is not None else {*names, *made})
        if name.isidentifier() and name not in ("self", "cls")
    }
    told = _events_set(_at_its_end(target)) if target is not None else frozenset()
    roots -= _events_set(target.calls) - told if target is not None else frozenset()  # a sign of its beginning
    if _is_streamed_on(file, function, target, made) or _is_settled_for_others(function, target, made):
        return True
    for one in function.calls:
        owner, _, method = one.source.rpartition(".")
        if one.place.line < call.place.line or one is call:
            continue
        if method == "wait" and (owner in told or (told and owner.startswith("self.") and one.ref.startswith(_EVENTS))):
            return True
        if one.is_awaited and method.startswith("wait_for_") and any(roots & {value.text, *value.names} for value in one.given):
            return True
    if not roots:
        return False
    if not is_awaiting and (roots - {call.target}) & made & set(function.awaits):
        return True
    for each in (function, *file.within(function)):
        if target is not None and each.name == target.name:
            continue
        line = call.place.line if each is function else 0
        for one in each.calls:
            owner, _, method = one.source.rpartition(".")
            if one.place.line < line or owner not in roots or method not in _RECEIVES or _looks_up(one, method):
                continue
            if not is_awaiting or one.is_awaited:
                return True
        for loop in each.loops:
            if is_awaiting and not loop.is_async:
                continue
            if loop.place.line >= line and loop.iterates is not None and roots & {*loop.iterates.names, loop.iterates.text, loop.head}:
                return True
    return False


def _events_set(calls: Iterable[Call]) -> frozenset[str]:
    return frozenset(each.source.removesuffix(".set") for each in calls if each.source.endswith(".set"))


def _at_its_end(target: Function) -> Iterator[Call]:
    """Yield the calls by which a function may say that it is done: in a handler, or with nothing but talk after them."""
    for number, call in enumerate(target.calls):
        after = (each.source.rpartition(".")[2] for each in target.calls[number + 1 :])
        if any(each.startswith(("finally", "except")) for each in call.inside) or _TALK.issuperset(after):
            yield call


_TALK = frozenset({"debug", "info", "warning", "error", "exception", "print", "set", "close", "str", "clear", "format", "stop", "join"})


def _is_streamed_on(file: FileFacts, function: Function, target: Function | None, made: Collection[str]) -> bool:
    """Return whether whoever calls the function reads what the work gives, through a stream that it gets or that is yielded from."""
    if any(name in made for each in function.returns for name in (each.text, *each.names)):
        return True
    if not function.is_generator or target is None:
        return False
    channels = {each.target for one in file.around(function) for each in one.calls if _CHANNELS.search(each.ref.rpartition(".")[2])}
    return bool(channels & set(function.captures) & set(target.captures))


def _is_settled_for_others(function: Function, target: Function | None, made: Collection[str]) -> bool:
    """Return whether the work settles a future that the function has made and hands on."""
    settles = {
        each.source.rpartition(".")[0] for each in (target.calls if target is not None else ()) if each.source.endswith(".set_result")
    }
    return any(name in {value.text, *value.names} for name in settles & set(made) for each in function.calls for value in each.given)


def _looks_up(call: Call, method: str) -> bool:
    """Whether it is a dict's ``get``, which is asked by a key: a queue's takes a flag and a time, and a result's a time."""
    return method == "get" and bool(call.args) and call.args[0].form is not ValueForm.NUMBER and call.args[0].text not in ("True", "False")


_EVENTS = ("asyncio.Event.", "threading.Event.", "anyio.Event.", "asyncio.locks.Event.")
_CHANNELS = pattern(r"(Streamer|Queue|Pipe|Channel|Event|Condition|Future)$|^create_future$")
_RECEIVES = frozenset({"wait", "get", "get_nowait", "acquire", "result", "recv", "read", "join", "readline"})
