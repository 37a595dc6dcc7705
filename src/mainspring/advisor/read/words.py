"""Words that a file must hold one of to be read at all: the prefilter. Checked with ``bytes in``, so each is as long as it can be.

A file without any of them cannot have a finding; functions that a finding's target names are read on demand, wherever they are.
"""

from __future__ import annotations

MS0 = (b"mainspring:",)
MS1 = (
    b"create_task", b"ensure_future", b"TaskGroup", b"task_group", b"open_nursery", b"run_coroutine_threadsafe", b"to_thread",
    b"Thread(", b"Timer(", b"threading", b"_thread", b"Process(", b"multiprocess", b"Executor", b"run_in_executor", b"apply_async",
    b"BackgroundTask", b"background=", b"add_task", b"Popen", b"create_subprocess", b"os.fork", b"os.spawn", b"nohup", b"shell=True",
    b"gevent", b"eventlet", b"start_background_task", b"on_commit", b"call_later", b"call_at", b"call_soon", b"spawn(",
    b"add_background_task", b"run_in_background", b"fire_and_forget", b"sync_to_async",
)  # fmt: skip
MS2 = (
    b"apscheduler", b"add_job", b"scheduled_job", b"cheduler.start(", b"cheduler.task(", b"import schedule", b"schedule.every",
    b"repeat_every", b"repeat_at", b"rocketry", b"uwsgi", b"PeriodicCallback", b"LoopingCall", b"import sched", b"aiocron", b"timeloop",
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
