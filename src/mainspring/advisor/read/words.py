"""Words that a file must hold one of to be read at all: the prefilter. Checked with ``bytes in``, so each is as long as it can be.

A file without any of them cannot have a finding; functions that a finding's target names are read on demand, wherever they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

MS0 = (b"mainspring:",)
MS1 = (
    b"create_task", b"ensure_future", b"TaskGroup", b"task_group", b"open_nursery", b"run_coroutine_threadsafe", b"to_thread",
    b"Thread(", b"Timer(", b"threading", b"_thread", b"Process(", b"multiprocess", b"xecutor", b".submit(", b"apply_async",
    b"BackgroundTask", b"background=", b"add_task", b"_task(", b"_task.create(", b"_tasks.create(",
    b"Popen", b"create_subprocess", b"os.fork", b"os.spawn", b"nohup",
    b"shell=True", b" &'", b' &"', b"gevent", b"eventlet", b"on_commit", b"call_later", b"call_at", b"call_soon", b"spawn(",
    b"_background", b"background_call", b"and_forget", b"sync_to_async", b"spawn_callback",
    b"IOLoop", b"callLater", b"callInThread", b"deferTo", b"ensureDeferred",
)  # fmt: skip
MS2 = (
    b"apscheduler", b"add_job", b"scheduled_job", b"cheduler.start(", b"cheduler.task(", b"import schedule", b"schedule.every",
    b"repeat_every", b"repeat_at", b"rocketry", b"uwsgi", b"PeriodicCallback", b"LoopingCall", b"import sched", b"aiocron", b"timeloop",
    b"process.plugins", b"loopingcall", b"aioclock", b"ischedule", b"crython", b"simple_scheduler",
    b"ext.tasks", b"setitimer", b"SIGALRM", b"RepeatedTimer", b"sleep(", b".wait(",
)  # fmt: skip
MS3 = (
    b"blpop", b"brpop", b"xreadgroup", b"skip_locked", b"SKIP LOCKED", b"skip locked", b"LISTEN ", b"start_consuming", b"add_done_callback",
)  # fmt: skip
MS4 = (b"mainspring", b"enqueue", b"task_definition", b"celery", b"dramatiq", b"import rq", b"from rq", b"huey", b"taskiq", b"arq")
MS5 = (b"mainspring", b"celery", b"crontab")
MS6 = (b"mainspring",)
ROUTES = (b"urlpatterns", b"add_url_rule", b"add_api_route", b"add_route(", b"Route(", b"router.add_")
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
    return [word for stem, words in _STEMS if stem in text for word in words if word in text]


def words_of(data: bytes) -> Sequence[str]:
    """Return the words that the content of a file holds."""
    return [word.decode() for stem, words in _STEMS_OF_BYTES if stem in data for word in words if word in data]


def _by_stem() -> Mapping[bytes, Sequence[bytes]]:
    """Return the words by what several have in common: where that is missing, so are they all, and most files hold next to none."""
    stems = (b"hread", b"task", b"ched", b"rocess", b"ackground", b"call_", b"repeat_", b"spawn", b"locked", b"LOCKED", b"import ", b"imer")
    found: dict[bytes, list[bytes]] = {}
    for word in PREFILTER:
        found.setdefault(next((stem for stem in stems if stem in word), word), []).append(word)
    return found


_STEMS_OF_BYTES = tuple(_by_stem().items())
_STEMS = tuple((stem.decode(), [word.decode() for word in words]) for stem, words in _STEMS_OF_BYTES)
