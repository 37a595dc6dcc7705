"""What a call does to the world, by its dotted name: tables, and the value that gathers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from mainspring.advisor.finding import Evidence
from mainspring.advisor.record import record
from mainspring.advisor.tables import words


class Effect(StrEnum):
    """One thing that a piece of code does which matters when it is lost, repeated or late."""

    NETWORK = "network"
    DB_WRITE = "db-write"
    DB_READ = "db-read"
    LLM = "llm"
    SUBPROCESS = "subprocess"
    FILE = "file"
    SLEEP = "sleep"
    FOREVER = "forever"
    CPU = "cpu"
    ENQUEUE = "enqueue"
    LOCAL = "local"


SHARED = (
    Effect.NETWORK, Effect.DB_WRITE, Effect.DB_READ, Effect.LLM, Effect.SUBPROCESS, Effect.FILE, Effect.CPU, Effect.ENQUEUE,
)  # fmt: skip
"""Effects that others than this process can see, or that take their time."""


@record(frozen=True, slots=True)
class Effects:
    """What a function does, with the lines that say so. ``sleep`` is its longest sleep in seconds, None without one that is known.

    ``is_unknown``: it calls something of which nobody knows what it does.
    """

    found: Mapping[Effect, tuple[Evidence, ...]] = field(default_factory=dict)
    sleep: float | None = None
    is_unknown: bool = False

    def has(self, *effects: Effect) -> bool:
        """Say whether it does any of these."""
        return any(effect in self.found for effect in effects)

    def evidence(self, effect: Effect) -> tuple[Evidence, ...]:
        """Return the lines that show an effect."""
        return self.found.get(effect, ())

    @property
    def forever(self) -> bool:
        """Say whether it never ends by itself."""
        return Effect.FOREVER in self.found

    @property
    def is_local_only(self) -> bool:
        """Say whether all that it does is known and stays in this process, and is soon over."""
        return not self.is_unknown and not self.forever and not self.has(*SHARED) and (self.sleep or 0) < 1


_MODULES: dict[Effect, tuple[str, ...]] = {
    Effect.NETWORK: words(
        "requests httpx aiohttp urllib.request urllib3 http.client smtplib aiosmtplib imaplib poplib ftplib ftputil telnetlib",
        "paramiko  asyncssh socket.create_connection socket.socket websockets.connect websockets.client",
        "websocket.create_connection grpc boto3  botocore aioboto3 aiobotocore s3fs gcsfs google.cloud google.auth",
        "google.oauth2 googleapiclient google.api_core azure stripe  twilio sendgrid mailgun postmarker mailjet_rest",
        "mailchimp_transactional mailchimp_marketing resend slack_sdk slack discord telegram aiogram  telebot tweepy praw",
        "github gitlab jira atlassian pysolr elasticsearch elasticsearch_dsl opensearchpy meilisearch typesense algoliasearch",
        "qdrant_client  pinecone weaviate chromadb.HttpClient pymilvus minio supabase firebase_admin onesignal pyfcm apns2",
        "pywebpush ldap3 ldap nats aio_pika  pika kafka aiokafka confluent_kafka paho.mqtt aiomqtt amqp kombu fsspec.open",
        "datadog sentry_sdk.flush posthog mixpanel segment analytics  cloudinary paypalrestsdk braintree razorpay square",
        "shopify hubspot simple_salesforce zenpy intercom plaid notion_client docker kubernetes  consul etcd3 hvac dns.resolver",
        "whois feedparser yt_dlp youtube_dl git.Repo.clone_from git.Remote pygit2.clone_repository playwright selenium",
        "pyppeteer requests_html  django.core.mail.send_mail django.core.mail.send_mass_mail django.core.mail.mail_admins",
        "django.core.mail.mail_managers  django.core.mail.EmailMessage django.core.mail.EmailMultiAlternatives",
        "django.core.mail.message.EmailMessage fastapi_mail.FastMail flask_mail.Mail  flask_mail.Connection anymail aiodocker",
        "pyrogram telethon requests_oauthlib authlib.integrations oauthlib msal msgraph exchangelib O365 gspread pygsheets",
        "dropbox  webexteamssdk mattermostdriver matrix_client nio zulip apprise huggingface_hub.snapshot_download",
        "huggingface_hub.hf_hub_download  curl_cffi httplib2 treq asks niquests primp tldextract geopy ipinfo alpaca ccxt web3",
        "yfinance",
    ),
    Effect.LLM: words(
        "openai anthropic litellm langchain langchain_core langchain_openai langchain_anthropic langchain_community langgraph",
        "llama_index  google.generativeai google.genai cohere mistralai groq ollama replicate together vertexai",
        "transformers.pipeline  huggingface_hub.InferenceClient huggingface_hub.AsyncInferenceClient instructor dspy guidance",
        "autogen crewai pydantic_ai agents.Runner semantic_kernel haystack  fireworks ai21 voyageai zhipuai dashscope marvin",
        "browser_use vllm sentence_transformers whisper faster_whisper diffusers",
    ),
    Effect.SUBPROCESS: words(
        "subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.Popen subprocess.getoutput",
        "subprocess.getstatusoutput os.system os.popen os.fork os.spawnl os.spawnv os.spawnvp os.execv os.execvp os.posix_spawn",
        "asyncio.create_subprocess_exec asyncio.create_subprocess_shell asyncio.subprocess anyio.run_process anyio.open_process",
        "trio.run_process sh.Command plumbum pexpect fabric  invoke.run ffmpeg.run multiprocessing.Process docker.from_env",
    ),
    Effect.DB_WRITE: words("django.core.management.call_command alembic.command"),
    Effect.CPU: words(
        "pandas.read_csv pandas.read_excel pandas.read_sql PIL.Image.open PIL.Image.Image.resize cv2 sklearn torch tensorflow",
        "xgboost lightgbm  shutil.make_archive shutil.unpack_archive zipfile tarfile weasyprint reportlab pdfkit openpyxl",
        "xlsxwriter pypdf PyPDF2 fitz pdfplumber  pytesseract moviepy librosa pydub numpy.linalg bcrypt.hashpw",
        "hashlib.pbkdf2_hmac hashlib.scrypt argon2",
    ),
    Effect.FILE: words(
        "shutil.copy shutil.copy2 shutil.copyfile shutil.copyfileobj shutil.copytree shutil.move pathlib.Path.write_text",
        "pathlib.Path.write_bytes  aiofiles.open os.rename os.replace json.dump pickle.dump yaml.dump csv.writer numpy.save",
        "joblib.dump torch.save  pandas.DataFrame.to_csv pandas.DataFrame.to_excel pandas.DataFrame.to_parquet",
        "django.core.files.storage.default_storage.save",
    ),
    Effect.ENQUEUE: words(
        "rq.Queue.enqueue rq.Queue.enqueue_call rq.Queue.enqueue_in rq.Queue.enqueue_at django_rq.enqueue django_rq.get_queue()",
        "django_q.tasks.async_task arq.connections.ArqRedis.enqueue_job arq.ArqRedis.enqueue_job huey.Huey.enqueue",
        "procrastinate.App.configure_task  mainspring.Mainspring.enqueue mainspring.Mainspring.blocking",
        "celery.current_app.send_task celery.Celery.send_task celery.app.base.Celery.send_task  celery.chain celery.group",
        "celery.chord celery.signature celery.canvas",
    ),
    Effect.SLEEP: words(
        "time.sleep asyncio.sleep anyio.sleep trio.sleep gevent.sleep eventlet.sleep tornado.gen.sleep curio.sleep",
        "threading.Event.wait  asyncio.tasks.sleep flask_socketio.SocketIO.sleep socketio.AsyncServer.sleep",
        "socketio.Server.sleep",
    ),
    Effect.LOCAL: words(
        "io os.unlink os.remove os.rmdir os.removedirs shutil.rmtree pathlib.Path.unlink pathlib.Path.rmdir logging structlog",
        "loguru  asyncio.Event asyncio.Semaphore asyncio.Lock asyncio.Condition asyncio.Queue threading.Lock threading.RLock",
        "threading.Event.set  threading.Event.clear threading.Event.is_set threading.Semaphore threading.Condition queue.Queue",
        "collections.deque collections prometheus_client  opentelemetry gc tracemalloc cachetools functools itertools",
        "contextlib contextvars time.time time.monotonic time.perf_counter time.strftime time.localtime time.gmtime datetime",
        "json.loads json.dumps re math random secrets uuid hashlib base64 os.path os.environ os.getenv os.getpid os.makedirs",
        "os.mkdir os.listdir os.stat copy traceback  sys warnings string struct textwrap types typing inspect pathlib.Path",
        "dataclasses enum operator decimal fractions statistics bisect heapq zlib  html unicodedata urllib.parse",
        "tempfile.mkdtemp tempfile.gettempdir tempfile.NamedTemporaryFile.close fastapi.UploadFile.close",
        "httpx.AsyncClient.aclose  aiohttp.ClientSession.close requests.Session.close redis.asyncio.Redis.close",
        "redis.asyncio.Redis.aclose redis.Redis.close psutil platform locale signal  django.core.cache.cache.delete",
        "django.core.cache.cache.set django.core.cache.cache.get django.core.cache.caches weakref  asyncio.get_running_loop",
        "asyncio.get_event_loop asyncio.current_task asyncio.wait_for asyncio.gather asyncio.shield asyncio.timeout",
        "asyncio.Task asyncio.Future concurrent.futures.Future  pydantic attrs attr zoneinfo pytz dateutil markupsafe jinja2",
        "orjson ujson msgpack django.utils django.conf flask.current_app fastapi.encoders fastapi.HTTPException",
        "starlette.exceptions fastapi.Response fastapi.responses starlette.responses rich click.echo torch.cuda torch.mps torch.xpu",
    ),
}
_DB_ROOTS = words(
    "sqlalchemy sqlmodel tortoise peewee playhouse mongoengine motor pymongo beanie odmantic databases asyncpg psycopg",
    "psycopg2 aiosqlite sqlite3 pymysql aiomysql asyncmy  MySQLdb mysql.connector oracledb cx_Oracle pyodbc",
    "clickhouse_driver clickhouse_connect duckdb cassandra neo4j influxdb influxdb_client flask_sqlalchemy gino ormar",
    "prisma piccolo edgedb pony  ariadne_db redis aioredis redis.asyncio google.cloud.firestore django.db surrealdb libsql",
    "aioinflux elasticsearch",
)
_WRITES = frozenset(
    words(
        "add add_all commit save create delete update insert insert_one insert_many update_one update_many delete_one",
        "delete_many replace_one  bulk_write bulk_create bulk_update bulk_save_objects bulk_insert_mappings",
        "bulk_update_mappings update_or_create get_or_create merge flush  create_table create_all drop_all execute executemany",
        "executescript execute_many upsert put set_many save_many asave adelete acreate aupdate  aget_or_create",
        "aupdate_or_create abulk_create abulk_update delete_instance find_one_and_update find_one_and_delete",
        "find_one_and_replace set setex setnx hset hmset sadd srem lpush rpush  zadd xadd incr decr incrby expire publish",
        "hincrby hdel lpop rpop blpop brpop ltrim lrem zrem getset mset",
    )
)
_READS = frozenset(
    words(
        "query get filter all first one one_or_none scalar scalars scalar_one scalar_one_or_none fetch fetchrow fetchval",
        "fetchall fetchone fetchmany  find find_one aggregate select select_related prefetch_related count count_documents",
        "exists distinct values values_list stream hget hgetall  smembers lrange mget keys scan scan_iter zrange exclude",
        "order_by aget afirst acount aexists",
    )
)
"""Methods of objects that come out of a database library; ``execute`` counts as a write, since the text decides."""

_UNMISTAKABLE: dict[str, Effect] = {
    **dict.fromkeys(
        words(
            "insert_one insert_many update_one update_many delete_one delete_many bulk_create bulk_update update_or_create",
            "bulk_save_objects  bulk_write abulk_create aupdate_or_create asave adelete delete_instance executemany",
            "find_one_and_update commit save_m2m",
        ),
        Effect.DB_WRITE,
    ),
    **dict.fromkeys(
        words(
            "scalar_one scalar_one_or_none fetchall fetchone fetchrow select_related prefetch_related scalars",
        ),
        Effect.DB_READ,
    ),
    **dict.fromkeys(
        words(
            "send_mail send_email send_message send_messages sendmail send_template_email upload_file upload_fileobj upload_blob",
            "put_object download_file download_fileobj  download_blob upload_from_file upload_from_filename post_message",
            "chat_postMessage publish_message send_sms send_notification send_push send_webhook urlopen generate_presigned_url",
            "send_mail_async",
        ),
        Effect.NETWORK,
    ),
    **dict.fromkeys(
        words(
            "chat_completion acompletion generate_content generate_content_async ainvoke run_inference aembed_documents",
            "embed_documents",
        ),
        Effect.LLM,
    ),
    **dict.fromkeys(
        words(
            "apply_async enqueue enqueue_in enqueue_at enqueue_job enqueue_many defer_async kiq send_task apply_async_on_commit",
            "delay_on_commit",
        ),
        Effect.ENQUEUE,
    ),
    **dict.fromkeys(
        words(
            "communicate run_command",
        ),
        Effect.SUBPROCESS,
    ),
    **dict.fromkeys(
        words(
            "write_text write_bytes to_csv to_excel to_parquet",
        ),
        Effect.FILE,
    ),
}
_HARMLESS = frozenset(
    words(
        "append appendleft extend add remove discard pop popleft popitem clear insert index count sort reverse copy items keys",
        "values setdefault  get format strip lstrip rstrip split rsplit splitlines join lower upper title startswith endswith",
        "replace encode decode partition  rpartition isdigit zfill debug info warning warn error exception critical log",
        "isoformat strftime strptime timestamp total_seconds  date time now utcnow today fromtimestamp hex exists is_file",
        "is_dir name close aclose cancel set clear is_set wait_for put put_nowait get_nowait task_done  qsize empty full",
        "acquire release locked notify notify_all done result add_done_callback observe inc dec labels set_result set_exception",
        "set_name get_name match search group groups sub findall finditer model_dump model_dump_json dict json model_validate",
        "parse_obj copy_with  asdict is_alive is_running model_copy bind unbind as_posix resolve relative_to",
        "with_suffix isinstance most_common rotate  seek tell read readline getvalue fileno flush",
    )
)
_BUILTIN_LOCAL = frozenset(
    words(
        "print len str int float bool list dict set tuple frozenset bytes bytearray range enumerate zip map filter sorted",
        "reversed sum min max any all  abs round isinstance issubclass hasattr getattr setattr delattr repr type id hash iter",
        "next callable vars dir super format chr ord hex  divmod pow slice object property staticmethod classmethod memoryview",
        "globals locals aiter anext bin oct ascii complex",
    )
)
_LOCAL_TYPES = ("str.", "list.", "dict.", "set.", "tuple.", "bytes.", "int.", "float.", "frozenset.", "bytearray.", "bool.")
_ENDS = frozenset(
    words(
        "wait poll kill terminate send_signal communicate",
    )
)  # of a process that somebody else has started
_CLOSES = frozenset(
    words(
        "close aclose disconnect quit release cancel abort unlink dispose wait_closed",
    )
)

_OVER_A_SOCKET = frozenset(words("send_str send_json send_bytes send_text send receive receive_str receive_json ping pong"))

_HANDLES = words(
    "subprocess.Popen. multiprocessing. concurrent.futures. threading.Thread. asyncio.subprocess. asyncio.create_subprocess_exec().",
    "asyncio.create_subprocess_shell(). multiprocess. billiard. psutil.",
)
_OF_HANDLES = frozenset(
    words(
        "wait join poll communicate terminate kill close shutdown cancel is_alive readline readlines read result done start_new",
        "send_signal exception as_completed cancelled running release acquire",
    )
)
"""Waiting for, asking and ending what is there already starts nothing."""

_BY_NAME: dict[str, Effect] = {name: effect for effect, names in _MODULES.items() for name in names}
_DB = frozenset(_DB_ROOTS)


def effect_of(ref: str, given: Mapping[str, Effect] | None = None) -> Effect | None:
    """Return what calling a dotted name does, None where nobody knows. ``given`` are a project's own names, which win."""
    if given and (own := given.get(ref)) is not None:
        return own
    last = ref.rpartition(".")[2].removesuffix("()")
    if ref.startswith(_HANDLES) and (last in _OF_HANDLES or last == "apply_async"):
        return Effect.LOCAL if last in _OF_HANDLES else None  # what a pool of this process is given may be anything
    if ref in _BUILTIN_LOCAL or ref.startswith(_LOCAL_TYPES):
        return _of_result(last) if "()." in ref else Effect.LOCAL
    plain = ref.replace("()", "")
    name = plain
    while name:
        if name in _DB:
            return _database(last, is_class=name == plain)
        found = _BY_NAME.get(name)
        if found is not None:
            if found is Effect.LOCAL and ("()." in ref or plain.startswith("typing.")):
                return _of_result(last)
            return (
                Effect.LOCAL
                if found in (Effect.NETWORK, Effect.DB_WRITE, Effect.SUBPROCESS, Effect.LLM) and _is_quiet(plain, last, found)
                else found
            )
        name = name.rpartition(".")[0]
    if ref == "open":
        return None  # by its mode: see `Project.effects`
    if ".objects." in plain:
        return _database(last, is_class=False)
    if last in _UNMISTAKABLE and "." in ref:
        return _UNMISTAKABLE[last]
    if ref.startswith("?.") and last in _HARMLESS:
        return Effect.LOCAL
    return None


def _of_result(last: str) -> Effect | None:
    """What comes out of a container or a call of this process may be anything: only the method says what it does."""
    return _UNMISTAKABLE.get(last) or (Effect.LOCAL if last in _HARMLESS else None)


def _database(last: str, *, is_class: bool) -> Effect:
    if last in _CLOSES or is_class:
        return Effect.LOCAL
    if last in _WRITES:
        return Effect.DB_WRITE
    return Effect.DB_READ if last in _READS else Effect.LOCAL


def _is_quiet(plain: str, last: str, effect: Effect) -> bool:
    """Making or closing a client sends nothing."""
    if last in _CLOSES or (effect is Effect.SUBPROCESS and last in _ENDS):
        return True
    if effect is Effect.NETWORK and "WebSocket" in plain and last in _OVER_A_SOCKET:
        return True  # over a connection that this process holds: no other one could
    return (
        effect is Effect.NETWORK
        and last[:1].isupper()
        and last.endswith(("Client", "Session", "Error", "Exception", "Timeout", "Limits", "Auth"))
    )
