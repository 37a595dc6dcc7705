"""Words that a file must hold one of to be read at all: the prefilter. Checked with ``bytes in``, so each is as long as it can be.

A file without any of them cannot have a finding; functions that a finding's target names are read on demand, wherever they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

MS0 = (b"mainspring:",)
MS1 = (
    b"create_task", b"ensure_future", b"TaskGroup", b"task_group", b"open_nursery", b"run_coroutine_threadsafe", b"to_thread",
    b"Thread", b"thread(", b"Timer(", b"Process(", b"multiprocess", b"PoolExecutor", b"xecutor(", b"xecutor.", b".submit(", b"apply_async",
    b"BackgroundTask", b"background=", b"add_task", b"_task(", b"_task.create(", b"_tasks.create(",
    b"Popen", b"create_subprocess", b"os.fork", b"os.spawn", b"os.system", b"nohup",
    b"shell=True", b"gevent", b"eventlet", b"on_commit", b"call_later", b"call_at", b"call_soon", b"spawn(",
    b"_background", b"background_call", b"and_forget", b"sync_to_async", b"spawn_callback",
    b"IOLoop", b"callLater", b"callInThread", b"deferTo", b"ensureDeferred",
)  # fmt: skip
MS2 = (
    b"apscheduler", b"add_job", b"scheduled_job", b"cheduler.start(", b"cheduler.task(", b"import schedule", b"schedule.every",
    b"repeat_every", b"repeat_at", b"rocketry", b"uwsgi", b"PeriodicCallback", b"LoopingCall", b"import sched", b"aiocron", b"timeloop",
    b"process.plugins", b"loopingcall", b"aioclock", b"ischedule", b"crython", b"simple_scheduler",
    b"looping_call", b"periodic", b"repeatedly", b"call_every", b"run_every", b"schedule_recurring",
    b"register_timer", b"run_interval", b"set_interval",
    b"ext.tasks", b"setitimer", b"SIGALRM", b"RepeatedTimer", b"sleep(", b".wait(",
)  # fmt: skip
PAUSES = frozenset({b"sleep(", b".wait("})
"""Words that say nothing where nothing else does and no loop could be endless."""
_LOOPS = frozenset({b"while", b"cycle", b"count", b"iter"})
MS3 = (
    b"blpop", b"brpop", b"xreadgroup", b"skip_locked", b"SKIP LOCKED", b"skip locked", b"LISTEN ", b"start_consuming", b"add_done_callback",
)  # fmt: skip
MS4 = (
    b"mainspring",
    b"enqueue",
    b"task_definition",
    b"celery",
    b"dramatiq",
    b"import rq",
    b"from rq",
    b"huey",
    b"taskiq",
    b"import arq",
    b"from arq",
)
MS5 = (b"mainspring", b"celery", b"crontab(")
MS6 = (b"mainspring",)
ROUTES = (
    b"urlpatterns",
    b"add_url_rule",
    b"add_api_route",
    b"add_route(",
    b"Route(",
    b"router.add_",
    b"add_event_handler",
    b"on_startup",
    b"lifespan=",
    b"uvicorn",
    b"hypercorn",
    b"waitress",
    b"run_app",
    b"serve_forever",
)
"""Who registers handlers elsewhere: nothing is found there, but what is found in these functions weighs by it."""

_ALL = tuple(dict.fromkeys(MS0 + MS1 + MS2 + MS3 + MS4 + MS5 + MS6 + ROUTES))
PREFILTER: tuple[bytes, ...] = tuple(word for word in _ALL if not any(other in word and other != word for other in _ALL))
"""A word that holds another one is found by that one."""
WORDS: tuple[str, ...] = tuple(word.decode() for word in PREFILTER)


@lru_cache(maxsize=4096)
def holds_word(text: str) -> bool:
    """Say whether a text holds one of the words."""
    return any(word in text for word in WORDS)


def words_in(text: str) -> Sequence[str]:
    """Return the words that a text holds."""
    data = text.encode()
    return words_of(data, names_of(data))


def words_of(data: bytes, names: frozenset[bytes]) -> Sequence[str]:
    """Return the words that the content of a file holds, whose names are these."""
    held = [word for word in dict.fromkeys(chain.from_iterable(_hinting(names))) if word in _NAMES or word in data]
    return () if PAUSES.issuperset(held) and names.isdisjoint(_LOOPS) else [word.decode() for word in held]


def names_of(data: bytes) -> frozenset[bytes]:
    """Return everything in the content of a file that could be a name, also in its comments and texts."""
    return frozenset(data.translate(_APART).split())


_APART = bytes(code if (chr(code).isalnum() and code < 128) or code == ord("_") else ord(" ") for code in range(256))
_CORES = tuple((word.translate(_APART).split()[-1], word) for word in PREFILTER)  # what of a word lies in a name: "Thread" of "Thread("
_NAMES = frozenset(word for core, word in _CORES if core == word)  # whoever holds the hint holds the word
_HINTS: dict[bytes, Sequence[bytes]] = {}  # the words of names: files of one project have most of these in common
_MOST_HINTS = 100_000


def _hinting(names: frozenset[bytes]) -> Iterable[Sequence[bytes]]:
    """Return the words that may be there by each of the names that could be a part of some."""
    if unknown := names.difference(_HINTS):
        if len(_HINTS) > _MOST_HINTS:
            _HINTS.clear()
            unknown = names
        text = b"\n".join(unknown)
        cores = [(core, word) for core, word in _CORES if core in text]
        for name in unknown:
            _HINTS[name] = tuple([word for core, word in cores if core in name])
    return filter(None, map(_HINTS.get, names))
