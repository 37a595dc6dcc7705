"""What an endless loop lives on: a queue in memory, a broker's list, waiting rows, a connection, or only the clock.

One call at a time, by the class of its receiver where that is known, and else by names that leave no doubt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, Fate, Value, ValueForm
from mainspring.advisor.rules.spawn import Names


class Nature(StrEnum):
    """What a loop waits for, the most telling first."""

    PIPE = "pipe"  # the output of a process, a socket that it serves: its end is the other side's business
    BROKER = "broker"  # the list of a broker
    STREAM = "stream"  # the stream of a broker, read as a group
    TABLE = "table"  # rows that wait
    NOTIFY = "notify"  # notifications of a database
    MEMORY = "memory"  # a queue of this process
    CONNECTION = "connection"  # somebody else's messages
    PERIOD = "period"  # the clock
    OTHER = "other"


_QUEUES = frozenset(
    f"{module}.{name}"
    for module in (
        "queue", "_queue", "asyncio", "asyncio.queues", "multiprocessing", "multiprocessing.queues", "multiprocessing.context",
        "gevent.queue", "eventlet", "eventlet.queue", "tornado.queues", "culsans", "aioprocessing",
    )
    for name in ("Queue", "PriorityQueue", "LifoQueue", "SimpleQueue", "JoinableQueue", "LightQueue", "AioQueue")
) | {"collections.deque", "janus.Queue", "janus.Queue.async_q", "janus.Queue.sync_q", "janus.AsyncQueue", "janus.SyncQueue"}  # fmt: skip
_QUEUE_TAKES = frozenset({"get", "get_nowait", "get_async", "popleft", "pop", "coro_get"})
_HOME_MADE_TAKES = frozenset({"dequeue", "dequeue_nowait", "async_get", "adequeue", "pop_job", "pop_task", "next_job", "get_next_job"})
_CHANNELS = frozenset(
    {
        "anyio.streams.memory.MemoryObjectReceiveStream.receive", "trio.MemoryReceiveChannel.receive", "heapq.heappop",
    }
)  # fmt: skip
_QUEUEISH = pattern(r"(^|[._])(\w*queue|q|inbox|mailbox|backlog)(\(\))?$", re.IGNORECASE)
_DEQUEISH = pattern(r"(queue|pending|jobs|tasks|backlog|buffer|inbox|todo|waiting)\w*$", re.IGNORECASE)

_POPS = frozenset({"blpop", "brpop", "blmove", "brpoplpush", "bzpopmin", "bzpopmax", "blmpop", "bzmpop"})
_POPS_AT_ONCE = frozenset({"lpop", "rpop", "lmove", "rpoplpush", "zpopmin", "zpopmax", "spop"})
_BROKERISH = pattern(r"redis|valkey|broker|(^|[._])(r|rdb|rds|conn|connection|client|cache|_r)(\(\))?$", re.IGNORECASE)
_GROUP_READS = frozenset({"xreadgroup", "xautoclaim"})

# Methods that wait for somebody else's next message, on receivers of these names or modules.
_RECEIVES = frozenset(
    {
        "recv", "recv_json", "recv_string", "recv_multipart", "recv_pyobj", "receive", "receive_json", "receive_text",
        "receive_bytes", "receive_str",
        "getone", "getmany", "get_message", "next_msg", "receive_message", "receive_messages", "recv_message", "idle_check",
        "basic_get", "read_message",
        "consume", "next_event", "fetch_message", "pull", "poll", "wait_for_message", "xread", "subscribe", "psubscribe",
    }
)  # fmt: skip
_CONNECTIONISH = pattern(
    r"(^|[._])_?(ws|wss|\w*web_?socket|pub_?sub|\w*consumer|\w*subscription|\w*subscriber|sub|imap\w*|sqs\w*|mqtt\w*|zmq\w*|nats\w*|kafka\w*|amqp\w*"
    r"|channel|redis\w*|rabbit\w*|poller|js|stream_client|socket_client|sio|nc)(\(\))?$",
    re.IGNORECASE,
)
_CONNECTION_MODULES = (
    "websockets.", "websocket.", "aiohttp.ClientWebSocketResponse", "aiohttp.client_ws", "redis.", "aioredis.", "valkey.",
    "aiokafka.", "kafka.",
    "confluent_kafka.", "aio_pika.", "pika.", "aiormq.", "watchfiles.", "watchgod.", "watchdog.", "kubernetes.watch.",
    "kubernetes_asyncio.watch.", "aiomqtt.",
    "asyncio_mqtt.", "paho.", "nats.", "httpx_sse.", "aiohttp_sse_client.", "sseclient.", "imapclient.", "aioimaplib.", "imaplib.",
    "zmq.", "telegram.",
    "aiogram.", "discord.", "telebot.", "telethon.", "pyrogram.", "slack_bolt.", "slack_sdk.", "hikari.", "nextcord.", "disnake.",
    "interactions.", "web3.",
    "stomp.", "faust.", "google.cloud.pubsub", "azure.servicebus.", "azure.eventhub.", "boto3.", "aiobotocore.", "aioboto3.",
    "pulsar.", "docker.", "aiodocker.",
    "paho.mqtt.", "gmqtt.", "hbmqtt.", "amqtt.", "aiostream.", "pyinotify.", "inotify.", "asyncinotify.", "slixmpp.", "irc.",
    "tweepy.", "twitchio.", "nio.",
    "livekit.", "ccxt.pro", "binance.", "elasticsearch.", "pymongo.", "motor.", "etcd3.", "consul.", "kazoo.", "psycopg.",
    "asyncpg.", "psycopg2.",
)  # fmt: skip
_ITERATES = frozenset(
    {
        "listen", "awatch", "watch", "aiter_sse", "iter_sse", "subscribe", "messages", "filtered_messages", "unfiltered_messages",
        "consume", "events",
        "notifies", "iterator", "iter_messages", "stream", "changes", "subscribe_events", "listen_events", "receive_messages",
    }
)  # fmt: skip
WATCHES = frozenset({"awatch", "watch"})  # files of this machine, which concern this process
_SURE_ITERATES = frozenset({"awatch", "aiter_sse", "iter_sse", "filtered_messages", "unfiltered_messages", "notifies"})

# Calls that come back when the connection ends for good.
_FOREVER = frozenset(
    {
        "start_consuming", "loop_forever", "start_polling", "run_polling", "infinity_polling", "run_until_disconnected",
        "run_webhook", "serve_requests",
        "basic_consume_forever", "non_stop_polling",
    }
)  # fmt: skip
_FOREVER_OF = {
    "run_forever": ("websocket.", "slixmpp.", "pika.", "stomp."),
    "polling": ("telebot.",),
    "run": ("discord.", "nextcord.", "disnake.", "hikari.", "slack_bolt.", "twitchio.", "faust.", "pyrogram.", "interactions.", "stomp."),
    "start": ("discord.", "nextcord.", "disnake.", "slack_bolt.", "hikari.", "twitchio."),
    "start_async": ("slack_bolt.",),
    "sync_forever": ("nio.",),
}
_BOTISH = pattern(r"(^|[._])_?(bot|discord\w*|telegram\w*|updater|dispatcher|dp)(\(\))?$", re.IGNORECASE)

# Calls that start a thread of their own, which holds the connection.
STARTS = {
    "paho.mqtt.client.Client.loop_start": "paho",
    "redis.client.PubSub.run_in_thread": "redis",
    "redis.asyncio.client.PubSub.run": "redis",
    "watchdog.observers.Observer.start": "watchdog",
    "watchdog.observers.polling.PollingObserver.start": "watchdog",
    "pyinotify.ThreadedNotifier.start": "pyinotify",
    "slack_bolt.adapter.socket_mode.SocketModeHandler.connect": "slack_bolt",
    "telegram.ext.Updater.start_polling": "telegram",
    "telegram.ext.Application.updater.start_polling": "telegram",
    "google.cloud.pubsub_v1.SubscriberClient.subscribe": "google.cloud.pubsub",
    "google.cloud.pubsub.SubscriberClient.subscribe": "google.cloud.pubsub",
}

SLEEPS = frozenset(
    {
        "asyncio.sleep", "asyncio.tasks.sleep", "time.sleep", "anyio.sleep", "trio.sleep", "gevent.sleep", "eventlet.sleep",
        "tornado.gen.sleep", "curio.sleep",
        "gevent.hub.sleep", "eventlet.greenthread.sleep", "eventlet.green.time.sleep",
    }
)  # fmt: skip
_EVENTS = frozenset(
    f"{module}.{name}"
    for module in (
        "threading",
        "asyncio",
        "asyncio.locks",
        "multiprocessing",
        "anyio",
        "gevent.event",
        "trio",
        "multiprocessing.synchronize",
    )
    for name in ("Event", "Condition")
)
_EVENTISH = pattern(
    r"(stop|shut|exit|quit|event|cancel|finish|terminat|kill|clos|wake|done|signal|condition|cond)\w*(\(\))?$", re.IGNORECASE
)

_PIPES = frozenset({"readline", "readlines", "accept", "recvfrom", "recvmsg", "readuntil", "readexactly", "sock_recv", "sock_accept"})
_PIPEISH = pattern(r"(stdout|stderr|stdin|pipe|proc(ess)?|fd|fifo)\b", re.IGNORECASE)
_SOCKETS = (
    "socket.socket.",
    "multiprocessing.connection.",
    "multiprocessing.Pipe",
    "ssl.SSLSocket.",
    "asyncio.StreamReader.",
    "select.",
    "selectors.",
    "os.read",
)


def parts(names: Names, call: Call) -> tuple[str, str, str, str]:
    """Return the canonical name of a call, its owner, its method, and its receiver as written."""
    ref = names.canonical(call.ref)
    owner, _, method = ref.rpartition(".")
    receiver = call.source.rpartition(".")[0]
    return ref, owner, method or call.source.rpartition(".")[2], receiver


def source_of(names: Names, call: Call) -> tuple[Nature, str] | None:
    """Return what a call in a loop waits for and how that is called, or None for any other call."""
    ref, owner, method, receiver = parts(names, call)
    if method in _POPS or (
        method in _POPS_AT_ONCE
        and (owner.startswith(("redis.", "aioredis.", "valkey.")) or (_is_unknown(owner) and _BROKERISH.search(receiver)))
    ):
        return Nature.BROKER, _key(call)
    if method in _GROUP_READS:
        return Nature.STREAM, _stream(call)
    if _is_pipe(ref, owner, method, receiver):
        return Nature.PIPE, receiver
    if (waited := _memory(names, call, ref, owner, method, receiver)) is not None:
        return Nature.MEMORY, waited
    if _listens(call, method):
        return Nature.NOTIFY, _channel(call)
    if is_forever_call(names, call):
        return Nature.CONNECTION, call.source
    if method in _RECEIVES and (
        (owner.startswith(_CONNECTION_MODULES) and method not in ("poll", "pull", "subscribe", "consume"))
        or (_CONNECTIONISH.search(receiver) and not _is_own(owner))
    ):
        return (Nature.CONNECTION, call.source) if "WebSocket." not in ref or owner.startswith(_CONNECTION_MODULES) else None
    return None


def iterated(names: Names, value: Value, call: Call | None) -> tuple[Nature, str] | None:
    """Return what a ``for`` goes through, where that never ends by itself."""
    if call is not None:
        ref, owner, method, receiver = parts(names, call)
        if ref == "iter" and call.args and call.args[0].text.rpartition(".")[2] in _QUEUE_TAKES:
            queue = call.args[0].text.rpartition(".")[0]
            return (Nature.MEMORY, queue) if _QUEUEISH.search(queue) or names.canonical(queue) in _QUEUES else None
        if ref == "iter" and call.args and call.args[0].text.rpartition(".")[2] in ("readline", "read", "recv"):
            return Nature.PIPE, call.args[0].text
        if "stdout" in call.source or "stderr" in call.source:
            return Nature.PIPE, call.source
        if method in _SURE_ITERATES or (
            method in _ITERATES
            and (owner.startswith(_CONNECTION_MODULES) or _CONNECTIONISH.search(receiver) or "watch" in receiver.lower())
        ):
            return (Nature.NOTIFY if method == "notifies" else Nature.CONNECTION), call.source
        return None
    if _PIPEISH.search(value.text):
        return Nature.PIPE, value.text
    kind = names.canonical(value.type) if value.type else ""
    if kind.startswith(("watchfiles.", "watchgod.")):
        return Nature.CONNECTION, kind.removesuffix("()")
    if (kind and (kind + ".").startswith(_CONNECTION_MODULES)) or (
        not kind and re.search(r"(^|[._])_?(pub_?sub|consumer|subscription|websocket|ws)$", value.text, re.IGNORECASE)
    ):
        return Nature.CONNECTION, value.text
    return None


def is_forever_call(names: Names, call: Call) -> bool:
    """Return whether a library's own call holds a connection until the process ends."""
    ref, owner, method, receiver = parts(names, call)
    if method in _FOREVER:
        return not _is_own(owner)
    if (owners := _FOREVER_OF.get(method)) is not None:
        return ref.startswith(owners) or (
            _is_unknown(owner) and method in ("start", "run") and bool(_BOTISH.search(receiver)) and bool(call.args)
        )
    return False


def pause_of(names: Names, call: Call) -> bool:
    """Return whether a call only lets time pass: a sleep, or a wait with a limit for somebody's stop."""
    ref, owner, method, receiver = parts(names, call)
    if ref in SLEEPS or (method == "sleep" and (_is_unknown(owner) or "socketio" in ref.lower())):
        return True
    if method in ("wait", "wait_for_shutdown", "wait_for_stop") and call.argument(0, "timeout") is not None:
        return owner in _EVENTS or (_is_unknown(owner) and bool(_EVENTISH.search(receiver)))
    return ref in ("asyncio.wait_for", "asyncio.tasks.wait_for") and bool(call.args) and call.args[0].text.endswith(".wait")


_WAITING = (
    r"pending|queued|waiting|new|ready|todo|to_do|scheduled|submitted|requested|created|unprocessed|unsent|open|enqueued|not_started"
    r"|init|initial|initialized|received|awaiting\w*"
)
_STATE = r"\w*(?:status|state)"
_SQL_STATE = pattern(rf"\b{_STATE}\b\s*(?:=|in)\s*\(?\s*['\"]?(?:{_WAITING})\b", re.IGNORECASE)
_SQL_OPEN = pattern(
    r"\b(?:is_)?(?:processed|sent|handled|done|executed|delivered|dispatched|completed|finished)(?:_at)?\s*(?:is\s+null|=\s*(?:0|false)\b|is\s+(?:not\s+true|false))",
    re.IGNORECASE,
)
_SQL_CLAIM = pattern(r"\bskip\s+locked\b", re.IGNORECASE)
_SQL_TABLE = pattern(r"\b(?:from|update|into)\s+[\"'`\[]?(?:\w+\.)?(\w+)", re.IGNORECASE)
_COMPARED = pattern(rf"\.?\b{_STATE}\b\s*(?:==|\.in_\(|\.is_\()\s*.*?\b(?:{_WAITING})\b", re.IGNORECASE | re.DOTALL)
_COMPARED_OPEN = pattern(
    r"\b(?:is_)?(?:processed|sent|handled|executed|delivered|dispatched)(?:_at)?\b\s*(?:==\s*(?:False|None)|\.is_\((?:False|None|false\(\)))|~\s*[\w.]+\.(?:is_)?(?:processed|sent|handled|executed)\b"
)
_FIELD = pattern(rf"^(?:\w+__)*{_STATE}(?:__(?:in|exact|iexact))?$", re.IGNORECASE)
_OPEN_FIELD = pattern(r"^(?:is_)?(?:processed|sent|handled|executed|delivered|dispatched)(?:_at__isnull)?$", re.IGNORECASE)
_WAITING_VALUE = pattern(rf"\b(?:{_WAITING})\b", re.IGNORECASE)


def looks_for_waiting(call: Call) -> bool:
    """Return whether a call asks for rows that wait, by their state."""
    method = call.ref.rpartition(".")[2]
    if method in (
        "filter",
        "get",
        "exclude",
        "filter_by",
        "find",
        "find_one",
        "find_one_and_update",
        "afirst",
        "list",
        "where",
        "and_",
        "or_",
        "Q",
    ):
        for name, value in call.keywords:
            if _FIELD.match(name) and _WAITING_VALUE.search(_written(value)):
                return True
            if _OPEN_FIELD.match(name) and value.text in ("False", "True"):
                return True
    if method in (
        "filter",
        "where",
        "and_",
        "or_",
        "having",
        "find",
        "find_one",
        "find_one_and_update",
        "select",
        "update",
        "case",
        "exists",
    ):
        return any(_COMPARED.search(_written(value)) or _COMPARED_OPEN.search(_written(value)) or _is_mongo(value) for value in call.args)
    return False


def skips_locked(call: Call) -> bool:
    """Return whether a call takes rows that nobody else has taken: a claim, where their state is written afterwards."""
    locked = call.keyword("skip_locked")
    return locked is not None and locked.text == "True"


def _is_mongo(value: Value) -> bool:
    return value.text.startswith("{") and bool(
        re.search(rf"['\"]{_STATE}['\"]\s*:\s*['\"]?[\w.]*\b(?:{_WAITING})\b", value.text, re.IGNORECASE)
    )


def asks_sql_for_waiting(text: str) -> bool:
    """Return whether a statement of SQL reads or claims rows that wait."""
    head = text.lstrip()[:6].lower()
    if head.startswith(("create", "insert", "alter", "drop", "delete")):
        return False
    return bool(
        _SQL_CLAIM.search(text)
        or ((" where " in f" {' '.join(text.split())} ".lower()) and (_SQL_STATE.search(text) or _SQL_OPEN.search(text)))
    )


def tables_of(text: str) -> Iterator[str]:
    """Yield the tables that a statement of SQL names."""
    yield from (found.lower() for found in _SQL_TABLE.findall(text) if found.lower() not in ("select", "set", "where"))


def is_insert(text: str, table: str) -> bool:
    """Return whether a statement of SQL adds rows to a table."""
    return bool(re.search(rf"\binsert\s+(?:or\s+\w+\s+)?into\s+[\"'`\[]?(?:\w+\.)?{re.escape(table)}\b", text, re.IGNORECASE))


def writes_state(call: Call) -> bool:
    """Return whether a call changes the state of rows, or takes them away."""
    method = call.ref.rpartition(".")[2]
    if method in ("update", "values", "aupdate", "update_one", "find_one_and_update", "set_values", "update_many"):
        return any(_FIELD.match(name) for name, _ in call.keywords) or any(
            re.search(rf"['\"]{_STATE}['\"]", _written(value)) for value in call.args
        )
    return bool(re.match(r"(mark|set|update)_\w*(status|state|done|sent|running|processed|failed|finished|complete)", method))


def _written(value: Value) -> str:
    return " ".join((value.text, *value.names, *(_written(item) for item in value.items)))


def _memory(names: Names, call: Call, ref: str, owner: str, method: str, receiver: str) -> str | None:
    if ref in _CHANNELS:
        return receiver or (call.args[0].text if call.args else ref)
    if method in _HOME_MADE_TAKES and not names.ancestors(owner) & _QUEUES and call.fate is not Fate.DROPPED:
        return receiver
    if method not in _QUEUE_TAKES or call.fate is Fate.DROPPED:  # what is thrown away makes room, and is no work
        return None
    if owner in _QUEUES:
        return receiver if method != "pop" or owner == "collections.deque" else None
    if owner and not _is_unknown(owner):
        if any(base in _QUEUES or base.endswith("Queue") for base in names.ancestors(owner)):
            return receiver
        if not _is_value(owner):
            return None
    if method in ("get", "get_nowait", "get_async", "coro_get"):
        has_key = bool(call.args) and call.args[0].form is ValueForm.TEXT
        return receiver if _QUEUEISH.search(receiver) and not has_key and len(call.args) < 3 else None
    if method == "popleft":
        return receiver
    return receiver if _DEQUEISH.search(receiver) and call.args and call.args[0].text == "0" else None


def _is_value(owner: str) -> bool:
    """Whether a receiver has a name but no class that anybody knows: a global, an attribute."""
    last = owner.rpartition(".")[2]
    return bool(last) and not last[:1].isupper()


def _listens(call: Call, method: str) -> bool:
    if method in ("add_listener", "notifies"):
        return method == "notifies" or (len(call.args) >= 2 and call.args[0].form is ValueForm.TEXT)
    return method == "execute" and bool(call.args) and bool(re.match(r"\W*(?:text\(\W*|SQL\(\W*)?LISTEN\s+", _written(call.args[0])))


def _channel(call: Call) -> str:
    return call.args[0].text[:60] if call.args else call.source


def _is_pipe(ref: str, owner: str, method: str, receiver: str) -> bool:
    if method in _PIPES:
        return True
    return ref.startswith(_SOCKETS) or (method in ("read", "recv", "poll") and bool(_PIPEISH.search(receiver)))


def _is_unknown(owner: str) -> bool:
    return not owner or owner.startswith("?") or owner.endswith(".Final") or any(letter in owner for letter in "()[]")


def _is_own(owner: str) -> bool:
    """Whether a receiver is of a class that is known, and none of the libraries that hold connections."""
    return bool(owner) and not _is_unknown(owner) and not _is_value(owner) and not (owner + ".").startswith(_CONNECTION_MODULES)


def _key(call: Call) -> str:
    return call.args[0].text[:60] if call.args else call.source


def _stream(call: Call) -> str:
    value = call.keyword("streams") or (call.args[2] if len(call.args) > 2 else None)
    return value.text[:60] if value is not None else call.source


def first(found: Iterable[tuple[Nature, str]]) -> tuple[Nature, str] | None:
    """Return the most telling of several."""
    order = list(Nature)
    return min(found, key=lambda each: order.index(each[0]), default=None)
