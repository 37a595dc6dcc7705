"""MS401 and MS402: what travels with a run, as a parameter or from a call: no secret as text, no object of one process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mainspring.advisor.finding import Finding, Role, Severity
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import FileFacts, Function, Param, Value, ValueForm
from mainspring.advisor.rules.definitions import (
    Definition,
    Enqueue,
    canonical,
    constant,
    plain,
)
from mainspring.core.marks import looks_secret, secret_in

if TYPE_CHECKING:
    from mainspring.advisor.project import Project


# MS401

_ALSO_SECRET = pattern(
    r"^(([a-z0-9_]*_)?secret_?key|authorization|auth_header|cookies?|headers|auth|bearer|credentials?|access_?token|jwt|pin_code|otp)$",
    re.IGNORECASE,
)
_TEXTS = ("", "str", "bytes", "typing.Any", "Any", "object", "dict", "builtins.str", "builtins.bytes", "builtins.dict", "typing.Dict")
_SECRET_TYPES = ("pydantic.SecretStr", "pydantic.SecretBytes", "pydantic.types.SecretStr", "pydantic.types.SecretBytes")
_NO_SECRET = pattern(
    r"(_ref|_reference|_id|_ids|_name|_names|_hash|_hashes|_env|_count|_url|_uri|_type|_length|_len|_path|_file|_field|_key_id|_label"
    r"|_alias|_version|_arn|_limit|_usage|_expires|_at)$"
)
_NO_TOKEN = pattern(
    r"^(next|prev|previous|page|paging|pagination|continuation|sync|delta|cursor|cancel|cancellation|stop|start|end|eos|bos|pad|unk|sep"
    r"|cls|mask|special|resume|max|min|num|idempotency|dedupe|client_request|fencing|push|device|fcm|apns|registration|public|primary|foreign"
    r"|partition|sort|cache|object|storage|s3|blob|routing|message|lookup|row|record|translation)_?(token|tokens|key)s?$",
    re.IGNORECASE,
)


def _is_secret_name(name: str) -> bool:
    if _NO_SECRET.search(name) or _NO_TOKEN.match(name):
        return False
    return looks_secret(name) or _ALSO_SECRET.match(name) is not None


def secret_params(project: Project, definition: Definition) -> Iterator[Finding]:
    """Yield the parameters of a definition that are secrets as plain text."""
    for param in definition.params:
        if param.type in _SECRET_TYPES:
            yield _param_finding(project, definition, "MS401", param, variant="masked")
        elif _carries_secret(param.name, param.type, param.annotation):
            yield _param_finding(project, definition, "MS401", param, severity=_weight_of(definition, param))
        else:
            model = project.class_of(param.type) if param.type else None
            for name, type_ in model.attributes if model is not None and _is_model(project, param.type) else ():
                if _carries_secret(name, type_, type_):
                    yield _param_finding(project, definition, "MS401", param, variant="field", field=f"{param.name}.{name}")


def _carries_secret(name: str, type_: str, annotation: str) -> bool:
    if not _is_secret_name(name) or "secret=False" in annotation.replace(" ", ""):
        return False
    plain_type = type_.removeprefix("builtins.")
    if name in ("headers", "auth") and plain_type not in ("", "dict", "str", "typing.Dict", "typing.Mapping"):
        return False
    return plain_type in _TEXTS or plain_type in ("typing.Mapping", "collections.abc.Mapping")


_ADDRESS = pattern(r"(^|_)(url|uri|endpoint)$", re.IGNORECASE)


def _weight_of(definition: Definition, param: Param) -> Severity | None:
    """Return how much a parameter weighs that may hold a secret among other things: mail has headers, too."""
    if param.name.lower() != "headers":
        return None
    return Severity.WARNING if any(_ADDRESS.search(each.name) for each in definition.params) else Severity.NOTICE


def _is_model(project: Project, ref: str) -> bool:
    return project.is_a(ref, "pydantic.BaseModel", "pydantic.main.BaseModel") or _is_dataclass(project, ref)


def _is_dataclass(project: Project, ref: str) -> bool:
    found = project.class_of(ref)
    return found is not None and any(each.ref.rpartition(".")[2] == "dataclass" for each in found.decorators)


def _param_finding(
    project: Project, definition: Definition, code: str, param: Param, *,
    variant: str = "", severity: Severity | None = None, field: str = "",
) -> Finding:  # fmt: skip
    return project.finding(
        code, definition.file, definition.function, param.place or definition.function.place, severity=severity, variant=variant,
        param=param.name, task=definition.name, type=param.annotation or param.type, field=field or param.name,
    )  # fmt: skip


_SETTING = pattern(r"(^|\.)(settings|config|conf|cfg|env|environ|secrets|app_settings|get_settings)(\.|$)", re.IGNORECASE)


def secret_arguments(project: Project, file: FileFacts, function: Function, enqueue: Enqueue) -> Iterator[Finding]:
    """Yield the secrets that a call hands over by their value."""
    for name, value in (*enqueue.params, *(("", each) for each in enqueue.args)):
        found = _secret_in_value(project, file, function, name, value)
        if found is not None:
            variant, what = found
            yield project.finding("MS401", file, function, enqueue.call, variant=variant, param=name or what, task=enqueue.name, what=what)


def _secret_in_value(project: Project, file: FileFacts, function: Function, name: str, value: Value) -> tuple[str, str] | None:
    """Return the variant and what is seen of a value that is a secret; its text is never repeated."""
    if value.form is ValueForm.TEXT:
        shape = secret_in(value.text)
        return None if shape is None else ("literal", shape)
    found = constant(project, file, value)
    if found is not None and found is not value and found.form is ValueForm.TEXT and (shape := secret_in(found.text)) is not None:
        return "literal", shape
    if value.form is ValueForm.CALL:
        call = function.calls[value.call] if 0 <= value.call < len(function.calls) else None
        verb = value.text.rpartition(".")[2]
        if verb in ("get_secret_value", "reveal"):
            return "value", f"{value.text.rpartition('.')[0].rpartition('.')[2] or verb}.{verb}()"
        if call is not None and canonical(project, call.ref) in ("os.getenv", "os.environ.get") and call.args:
            variable = plain(call.args[0])
            if isinstance(variable, str) and looks_secret(variable.lower()):
                return "value", f"the environment's {variable}"
        return None
    if value.form is ValueForm.OTHER and value.text.startswith(("f'", 'f"')):
        told = (_secret_in_value(project, file, function, name, Value(ValueForm.REF, each)) for each in value.names)
        return next((each for each in told if each is not None), None)
    if value.form is ValueForm.REF:
        owner, _, last = value.text.rpartition(".")
        if not owner or not _is_secret_name(last.lower()):
            return None
        if _SETTING.search(owner) or re.search(r"(^|\.)(request|user|current_user)(\.|$)", owner) or last.isupper():
            return "value", f"{owner.rpartition('.')[2]}.{last}"
        return None
    if value.form is ValueForm.OTHER and (asked := re.match(r"os\.environ\[['\"](\w+)['\"]\]$", value.text)):
        return ("value", f"the environment's {asked[1]}") if looks_secret(asked[1].lower()) else None
    if value.form is ValueForm.OTHER and (asked := re.match(r"[\w.]+\.(headers|cookies)(\[|$)", value.text)):
        return "value", f"the request's {asked[1]}"
    return None


# MS402

REQUESTS = (
    "starlette.requests.Request", "fastapi.Request", "fastapi.requests.Request",
    "django.http.HttpRequest", "django.http.request.HttpRequest",
    "flask.Request", "flask.wrappers.Request", "quart.Request", "aiohttp.web.Request", "sanic.Request", "sanic.request.Request",
    "litestar.Request", "litestar.connection.Request", "rest_framework.request.Request", "starlette.websockets.WebSocket",
    "fastapi.WebSocket", "starlette.responses.Response", "fastapi.Response", "tornado.web.RequestHandler",
)  # fmt: skip
SESSIONS = (
    "sqlalchemy.orm.Session", "sqlalchemy.orm.session.Session", "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.ext.asyncio.session.AsyncSession", "sqlalchemy.ext.asyncio.AsyncConnection", "sqlalchemy.Connection",
    "sqlalchemy.engine.Connection", "sqlmodel.Session", "sqlmodel.ext.asyncio.session.AsyncSession", "sqlite3.Connection",
    "psycopg.Connection", "psycopg.AsyncConnection", "asyncpg.Connection", "asyncpg.Pool", "redis.Redis", "redis.asyncio.Redis",
    "httpx.AsyncClient", "httpx.Client", "requests.Session", "aiohttp.ClientSession", "motor.motor_asyncio.AsyncIOMotorDatabase",
)  # fmt: skip
FILES = (
    "fastapi.UploadFile", "starlette.datastructures.UploadFile", "fastapi.datastructures.UploadFile", "werkzeug.datastructures.FileStorage",
    "typing.IO", "typing.BinaryIO", "typing.TextIO", "io.BytesIO", "io.StringIO", "io.BufferedReader", "io.TextIOWrapper",
    "django.core.files.uploadedfile.UploadedFile", "django.core.files.File", "PIL.Image.Image",
)  # fmt: skip
FRAMES = ("pandas.DataFrame", "pandas.core.frame.DataFrame", "polars.DataFrame", "numpy.ndarray", "pyarrow.Table", "torch.Tensor")
MODELS = (
    "django.db.models.Model", "django.db.models.base.Model", "sqlalchemy.orm.DeclarativeBase", "sqlalchemy.orm.declarative_base",
    "sqlalchemy.ext.declarative.declarative_base", "flask_sqlalchemy.SQLAlchemy.Model", "flask_sqlalchemy.model.Model", "peewee.Model",
    "tortoise.models.Model", "tortoise.Model", "mongoengine.Document", "pony.orm.Entity", "sqlalchemy.orm.MappedAsDataclass",
)  # fmt: skip
_OBJECTS = {
    "request": REQUESTS, "session": SESSIONS, "file": FILES, "frame": FRAMES, "row": MODELS,
}  # fmt: skip


def object_kind(project: Project, ref: str) -> str | None:
    """Return what of a web process a class is, by its dotted name: request, session, file, frame or row; None for anything else."""
    if not ref:
        return None
    name = project.canonical(ref)
    for kind, classes in _OBJECTS.items():
        if name in classes or project.is_a(name, *classes):
            return kind
    return None


def object_params(project: Project, definition: Definition) -> Iterator[Finding]:
    """Yield the parameters of a definition that no row can hold."""
    for param in definition.params:
        kind = object_kind(project, param.type)
        if kind is not None:
            yield _param_finding(project, definition, "MS402", param, variant=_shown(kind))
        elif (
            param.type in ("bytes", "builtins.bytes", "bytearray", "memoryview") and definition.is_ours and not _is_secret_name(param.name)
        ):
            yield _param_finding(project, definition, "MS402", param, variant="bytes", severity=Severity.NOTICE)


def object_arguments(project: Project, file: FileFacts, function: Function, enqueue: Enqueue) -> Iterator[Finding]:
    """Judge what is handed over, where the definition does not say: a parameter that is annotated is judged there."""
    said = {param.name: param.type for param in enqueue.definition.params} if enqueue.definition is not None else {}
    positions = list(said)
    named = [(positions[at] if at < len(positions) else "", value) for at, value in enumerate(enqueue.args)]
    for name, value in (*enqueue.params, *named):
        if object_kind(project, said.get(name, "")) is not None:
            continue
        kind = _object_value(project, file, function, value)
        if kind is not None:
            yield project.finding(
                "MS402",
                file,
                function,
                enqueue.call,
                variant=_given(kind),
                param=name or value.text,
                task=enqueue.name,
                type=value.text,
            )


def _shown(kind: str) -> str:
    return kind if kind in ("row", "file") else ""


def _given(kind: str) -> str:
    return f"given.{kind}" if kind in ("row", "file") else "given"


def _object_value(project: Project, file: FileFacts, function: Function, value: Value) -> str | None:
    if value.form is ValueForm.CALL and value.text in ("open", "builtins.open"):
        return "file"
    if value.form is ValueForm.REF and value.text in ("flask.request", "quart.request"):
        return "request"
    if value.form in (ValueForm.REF, ValueForm.CALL) and value.type:
        return object_kind(project, value.type)
    if value.form is ValueForm.REF and value.text in ("request", "request.user", "self.request", "self.request.user"):
        given = {param.name: param.type for param in function.params}  # Django's views do not say what they are given
        if not given.get("request") and project.role(file, function) is Role.HANDLER:
            return "row" if value.text.endswith("user") else "request"
    return None
