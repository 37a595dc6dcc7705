"""What rules about definitions know of libraries: which clients wait for ever, what blocks an event loop, what must not happen twice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import Call, FileFacts, Function, Value, ValueForm

if TYPE_CHECKING:
    from mainspring.advisor.project import Project

_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")

# Clients that wait for ever unless they are told how long, and where they are told so: a keyword, or a position from 0.
_ENDLESS: Mapping[str, int | None] = {
    **{f"requests.{verb}": None for verb in _VERBS},
    **{f"requests.Session.{verb}": None for verb in _VERBS},
    **{f"requests.sessions.Session.{verb}": None for verb in _VERBS},
    "urllib.request.urlopen": 2,
    "smtplib.SMTP": 3,
    "smtplib.SMTP_SSL": None,
    "ftplib.FTP": 4,
    "imaplib.IMAP4_SSL": None,
    "poplib.POP3_SSL": None,
    "http.client.HTTPConnection": 2,
    "http.client.HTTPSConnection": None,
    "socket.create_connection": 1,
    "telnetlib.Telnet": 2,
}
# Clients with a limit of their own, which ``timeout=None`` takes away.
_LIMITED = pattern(
    r"^(httpx\.(Client|AsyncClient|stream|" + "|".join(_VERBS) + r")|httpx\.(Client|AsyncClient)\.(stream|send|" + "|".join(_VERBS) + r")"
    r"|aiohttp\.ClientSession(\.(ws_connect|" + "|".join(_VERBS) + r"))?|aiohttp\.ClientTimeout|httpx\.Timeout"
    r"|openai\.(OpenAI|AsyncOpenAI)|anthropic\.(Anthropic|AsyncAnthropic))$"
)
_SETTERS = ("socket.setdefaulttimeout",)
_BOUNDS = pattern(
    r"^with:(asyncio\.timeout|asyncio\.timeout_at|async_timeout\.timeout|anyio\.(fail_after|move_on_after)|trio\.(fail_after|move_on_after))$"
)


def plain_ref(call: Call) -> str:
    """Return what is called, with an object that was just made taken for its class: ``smtplib.SMTP().send_message``."""
    return call.ref.replace("()", "")


def lacks_timeout(project: Project, file: FileFacts, function: Function, call: Call) -> str | None:
    """Say "off" where a call switches its client's limit off, "none" where a client without one is given none; None where all is well."""
    ref = project.canonical(plain_ref(call))
    if ref in _ENDLESS:
        position = _ENDLESS[ref]
        given = call.keyword("timeout") or (call.args[position] if position is not None and len(call.args) > position else None)
        if given is None and any(name == "**" for name, _ in call.keywords):
            return None
        if given is None and any(project.canonical(each.ref) in _SETTERS for each in function.calls):
            return None
        if given is None:
            return "none"
        return "off" if given.form is ValueForm.NONE else None
    if _LIMITED.match(ref):
        given = call.keyword("total" if ref.endswith("ClientTimeout") else "timeout")
        if ref == "httpx.Timeout" and given is None:
            given = call.args[0] if call.args else None
        return "off" if given is not None and given.form is ValueForm.NONE else None
    return None


def bounded_by(inside: Sequence[str]) -> bool:
    """Tell whether a call stands in a block that ends it after a while."""
    return any(_BOUNDS.match(each) for each in inside)


# What holds the loop on which a hundred other bodies wait: how it is called -> which words it is told in.
BLOCKING: Mapping[str, str] = {
    **{f"requests.{verb}": "http" for verb in _VERBS},
    **{f"requests.Session.{verb}": "http" for verb in _VERBS},
    **{f"requests.sessions.Session.{verb}": "http" for verb in _VERBS},
    **{f"httpx.{verb}": "http" for verb in _VERBS},
    **{f"httpx.Client.{verb}": "http" for verb in _VERBS},
    "urllib.request.urlopen": "http",
    "urllib.request.urlretrieve": "http",
    "smtplib.SMTP": "http",
    "smtplib.SMTP_SSL": "http",
    "django.core.mail.send_mail": "http",
    "django.core.mail.send_mass_mail": "http",
    "ftplib.FTP": "http",
    "paramiko.SSHClient.connect": "http",
    "psycopg2.connect": "http",
    "time.sleep": "sleep",
    **{f"subprocess.{verb}": "process" for verb in ("run", "call", "check_call", "check_output", "getoutput", "getstatusoutput")},
    "os.system": "process",
}

_CHARGE = pattern(
    r"(^|\.)(stripe\.(Charge|PaymentIntent|Refund|Transfer|Payout|Invoice|Subscription|checkout\.Session)\.(create|create_async|pay|capture|confirm)"
    r"|stripe\..*\.(create|create_async|capture)|braintree\..*\.(sale|refund|submit_for_settlement)|paypalrestsdk\..*\.(create|execute|refund)"
    r"|razorpay\..*\.(create|capture|refund)|adyen\..*\.payments)$",
    re.IGNORECASE,
)
_CHARGE_VERB = pattern(
    r"\b(?:[a-z_]*(?:payment|billing|gateway|stripe|charges|refunds|payouts)[a-z_]*)\.(?:charge|refund|capture|payout|create_charge|create_refund)$",
    re.IGNORECASE,
)
_MAIL = pattern(
    r"^(smtplib\.SMTP(_SSL)?\.(send_message|sendmail)|aiosmtplib\.(send|SMTP\.(send_message|sendmail))"
    r"|django\.core\.mail\.(send_mail|send_mass_mail|mail_admins|mail_managers|asend_mail)"
    r"|django\.core\.mail\.(EmailMessage|EmailMultiAlternatives)\.(send|asend)"
    r"|flask_mail\.Mail\.send|flask_mailman\..*\.send|fastapi_mail\.FastMail\.send_message|sendgrid\.SendGridAPIClient\.send"
    r"|resend\.Emails\.send|postmarker\..*\.send|mailjet_rest\..*\.create|emails\..*\.send|yagmail\.SMTP\.send"
    r"|twilio\.rest\.Client\.messages\.create|slack_sdk\.(WebClient|web\.client\.WebClient|web\.async_client\.AsyncWebClient)\.chat_postMessage"
    r"|(boto3\.client|aioboto3\..*)\.(send_email|send_raw_email|publish)|telegram\.Bot\.send_message|firebase_admin\.messaging\.send.*)$"
)
_MAIL_VERB = pattern(r"(^|\.)(send_message|sendmail|send_email|send_raw_email|send_mail|chat_postMessage)$")
_POST = pattern(
    r"^(requests|requests\.Session|requests\.sessions\.Session|httpx|httpx\.Client|httpx\.AsyncClient|aiohttp\.ClientSession)\.post$"
)
_KEYS = (
    "idempotency_key",
    "idempotencykey",
    "client_token",
    "clienttoken",
    "request_id",
    "requestid",
    "deduplication_id",
    "transaction_id",
)
_READS = pattern(
    r"(graphql|search|query|oauth|token|login|auth|embed|complet|chat|generate|predict|infer|translate|lookup|rpc|ping|validate|convert|render|parse)",
    re.IGNORECASE,
)


def is_charge(call: Call) -> bool:
    """Tell whether a call moves money."""
    return _CHARGE.search(plain_ref(call)) is not None or (
        _CHARGE_VERB.search(call.source) is not None and bool(call.args or call.keywords)
    )


def is_mail(call: Call) -> bool:
    """Tell whether a call sends somebody a message that cannot be taken back."""
    if _MAIL.match(plain_ref(call)):
        return True
    return call.ref.startswith("?.") and _MAIL_VERB.search(call.source) is not None and call.source.count(".") <= 2


def is_post(call: Call) -> bool:
    """Tell whether a call posts to another system, for what looks like more than a question."""
    if not _POST.match(plain_ref(call)):
        return False
    return not _READS.search(" ".join(_texts(call)))


def _texts(call: Call) -> list[str]:
    values = [*call.args[:1], *(value for name, value in call.keywords if name == "url")]
    return [value.text for value in values]


def is_repeatable_call(function: Function, call: Call) -> bool:
    """Tell whether a call says by a key of its own that a second one is the same."""
    return any(_names_key(name, value) for name, value in call.keywords) or any("dempotency" in value.text for value in call.args) or any(
        "dempotency" in each.statement and each.place.line <= call.place.line for each in function.calls
    )  # fmt: skip


def _names_key(name: str, value: Value) -> bool:
    return name.lower() in _KEYS or "dempotency" in value.text or any("dempotency" in key for key in value.keys)


_CHANCE: Mapping[str, re.Pattern[str]] = {
    "now": pattern(
        r"^(datetime\.(datetime\.(now|utcnow|today)|date\.today)|time\.(time|time_ns|monotonic|monotonic_ns|perf_counter|localtime|gmtime)"
        r"|django\.utils\.timezone\.(now|localtime)|pendulum\.(now|today)|arrow\.(now|utcnow))$"
    ),
    "random": pattern(r"^(random\.|secrets\.|numpy\.random\.|os\.urandom$|uuid\.uuid(1|4|7)$|uuid\.uuid[147]$)"),
    "env": pattern(r"^os\.(getenv|environ\.get)$"),
    "sleep": pattern(r"^(time\.sleep|asyncio\.sleep|anyio\.sleep)$"),
}


def nondeterminism(ref: str) -> str | None:
    """Say what makes a call answer otherwise when it is repeated: now, random, env or sleep; None for what does not."""
    return next((word for word, pattern in _CHANCE.items() if pattern.search(ref)), None)
