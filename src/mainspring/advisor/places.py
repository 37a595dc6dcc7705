"""Roles of functions: by path, decorators, base classes, registrations in the project, and by who calls them."""

from __future__ import annotations

from collections.abc import Iterator

from mainspring.advisor import roles
from mainspring.advisor.codebase import Codebase
from mainspring.advisor.finding import Role
from mainspring.advisor.memory import Answers
from mainspring.advisor.read.facts import MODULE, Call, FileFacts, Function, ValueForm

_REGISTERING = tuple(f"web.{each}(" for each in roles.MODULE_VERBS)
_OF_URLS = frozenset({"path", "re_path", "url"})  # of Django: elsewhere half of all functions call something so
_CALLED = frozenset({*roles.REGISTERS, *roles.HOOKS, *roles.STREAMS} - roles.MODULE_VERBS - _OF_URLS)
_NAMED = frozenset({*roles.LIFESPANS, *roles.STARTS})
_STARTING = ("run", "start", "run_app", *(ref.rpartition(".")[2] for ref in roles.ARGUMENTS), *roles.SERVERS)
_MANY_FILES = 60  # a name that more files mention is too common to follow


class _Index:
    """What one file says of functions: registered as handlers or at startup, by canonical name; streamed, by name in the file."""

    def __init__(self) -> None:
        self.registered: dict[str, Role] = {}
        self.streamed: set[str] = set()


def _registering(file: FileFacts) -> tuple[str, ...]:
    """Return how a file may say that it registers something."""
    called = _CALLED | _OF_URLS if "urls" in file.says else _CALLED
    calls = (f"{name}(" for name in sorted(file.says & called))
    return (*calls, *sorted(file.says & _NAMED), *(_REGISTERING if "web" in file.says else ()))


class Places:
    """Answers of one project, kept."""

    def __init__(self, code: Codebase) -> None:
        self._code = code
        self._roles: Answers[tuple[str, str, int], Role] = Answers(code.memory)
        self._paths: dict[str, Role | None] = {}
        self._web: dict[str, bool] = {}
        self._indexes: dict[str, _Index] = {}

    def of_file(self, file: FileFacts) -> Role | None:
        """Return the role that the path gives."""
        if file.path not in self._paths:
            self._paths[file.path] = roles.role_of_path(file.path, self._code.settings)
        return self._paths[file.path]

    def is_task_decorator(self, ref: str) -> bool:
        """Say whether a canonical decorator makes a task that an engine looks after."""
        return roles.of_decorator(ref, ()) is Role.TASK

    def role(self, file: FileFacts, function: Function) -> Role:
        """Return what a function is there for; a nested one is there for what its parent is there for."""
        key = (file.module, function.name, function.place.line)
        return self._roles.ask(key, Role.SERVICE, self._role, file, function)

    def _role(self, file: FileFacts, function: Function) -> Role:
        given = roles.given_role(file.path, self._code.settings)
        if given is not None:
            return given
        of_path = self.of_file(file)
        if of_path in (Role.VENDORED, Role.TEST, Role.MIGRATION, Role.WORKER):
            return of_path
        if function.name == MODULE:
            return of_path or (Role.STARTUP if self.is_web(file) else Role.CLI if self._is_script(file) else Role.SERVICE)
        own = self._own(file, function)
        if own is not None:
            return own
        if of_path is not None:
            return of_path
        parent = self._code.parents(file, function)
        if parent is not None:
            outer = self.role(file, parent)
            return outer if outer is not Role.FRAMEWORK else Role.SERVICE
        if self._is_script(file) and not self.is_web(file):
            return Role.CLI
        return Role.SERVICE

    def _own(self, file: FileFacts, function: Function) -> Role | None:
        """What the function itself, its class or a registration says."""
        code = self._code
        found: Role | None = None
        for decorator in function.decorators:
            texts = tuple(value.text for value in decorator.args if value.form is ValueForm.TEXT)
            role = roles.of_decorator(code.canonical(decorator.ref), texts)
            if role is Role.TASK:
                return role
            found = found or role
        if found is not None:
            return found
        if self._is_stream(file, function):
            return Role.STREAM
        owner = code.owner(file, function)
        if owner:
            role = self._method(owner, function)
            if role is not None:
                return role
        registered = self._registered(file, function)
        if registered is not None:
            return registered
        last = function.name.rpartition(".")[2]
        if last in roles.FACTORIES and "<locals>" not in function.name:
            return Role.STARTUP
        if "lifespan" in last and (function.is_generator or any(each.ref.startswith("contextlib.") for each in function.decorators)):
            return Role.STARTUP
        if function.params and not owner and self._takes_request(function):
            return Role.HANDLER
        return None

    def _takes_request(self, function: Function) -> bool:
        first = self._code.canonical(function.params[0].type) if function.params[0].type else ""
        return first in roles.REQUESTS

    def _method(self, owner: str, function: Function) -> Role | None:
        code = self._code
        last = function.name.rpartition(".")[2]
        if code.is_a(owner, *roles.APP_CONFIGS) and last == "ready":
            return Role.STARTUP
        if code.is_a(owner, *roles.COMMANDS):
            return Role.WORKER
        if code.is_a(owner, *roles.STREAM_BASES):
            return Role.STREAM
        if code.is_a(owner, *roles.HANDLER_BASES):
            return Role.HANDLER
        if code.is_a(owner, *roles.TASKS) and last == "run":
            return Role.TASK
        if code.is_a(owner, *roles.MIDDLEWARE_BASES):
            return Role.HANDLER
        if last == "__call__" and any(param.name in ("scope", "environ") for param in function.params):
            return Role.HANDLER
        if last in roles.HANDLER_METHODS and any(param.name == "request" for param in function.params[:3]):
            return Role.HANDLER
        return None

    def _is_stream(self, file: FileFacts, function: Function) -> bool:
        """A websocket coroutine, or a generator that some response streams."""
        if any(param.type and "WebSocket" in param.type.rpartition(".")[2] for param in function.params):
            return True
        return function.name in self._index(file).streamed and function.is_generator

    def _registered(self, file: FileFacts, function: Function) -> Role | None:
        """A route, a lifespan or a signal that names the function or its class, in this file or in another that mentions it."""
        code = self._code
        owner = code.owner(file, function)
        wanted = owner or f"{file.module}.{function.name}"
        own = self._index(file).registered.get(wanted)
        short = wanted.rpartition(".")[2]
        if own is not None or "<" in wanted:
            return own
        modules = code.mentioning(short)
        for module in modules if len(modules) <= _MANY_FILES else ():
            other = code.file(module)
            if other is not None and other is not file:
                role = self._index(other).registered.get(wanted)
                if role is not None:
                    return role
        return None

    def _index(self, file: FileFacts) -> _Index:
        """What a file registers and streams, found once."""
        known = self._indexes.get(file.module)
        if known is None:
            known = self._indexes[file.module] = _Index()
            for function in file.speaking(_registering(file)):
                for call in function.calls:
                    for name, role in self._named_by(call):
                        known.registered.setdefault(self._code.canonical(name.removesuffix(".as_view").removesuffix("()")), role)
                    if call.ref.rpartition(".")[2] in roles.STREAMS:
                        known.streamed.update(self._streamed_by(file, function, call))
                for assign in function.assigns:
                    if assign.attribute in roles.LIFESPANS:
                        for name in assign.value.names:
                            known.registered.setdefault(self._code.canonical(name), Role.STARTUP)
        return known

    def _streamed_by(self, file: FileFacts, function: Function, call: Call) -> Iterator[str]:
        """Names of this file's functions whose values a response streams."""
        prefix = f"{file.module}."
        for value in (*call.args, *(each for _, each in call.keywords)):
            target = self._code.target(file, function, value)
            names = [*value.names, target.known.ref] if target.known is not None else value.names
            for name in names:
                ref = self._code.canonical(name)
                if ref.startswith(prefix):
                    yield ref[len(prefix) :]

    def _named_by(self, call: Call) -> Iterator[tuple[str, Role]]:
        """Names that a call registers, and as what."""
        last = call.ref.rpartition(".")[2]
        for key, value in call.keywords:
            if key in roles.LIFESPANS:
                for name in (*value.names, value.text):
                    yield name, Role.STARTUP
        if last in roles.HOOKS and any(value.text in roles.STARTS for value in call.args):
            for value in call.args:
                for name in value.names:
                    yield name, Role.STARTUP
        if last in ("append", "register_listener") and any(word in call.source for word in roles.STARTS):
            for value in call.args:
                for name in value.names:
                    yield name, Role.STARTUP
        if last in roles.REGISTERS:
            ref = self._code.canonical(call.ref)
            taken = roles.registers(ref)
            value_taken = call.argument(*taken) if taken is not None else None
            if value_taken is not None:
                role = Role.STREAM if "websocket" in last.lower() else Role.HANDLER
                for name in (value_taken.text, *value_taken.names):
                    yield name, role

    def is_web(self, file: FileFacts) -> bool:
        """Say whether a file makes a web application or its routes, or belongs to one."""
        known = self._web.get(file.module)
        if known is None:
            refs = {self._code.canonical(call.ref) for call in file.top.calls}
            types = {type_ for _, type_ in file.types}
            known = bool((refs | types) & roles.WEB) or any(
                self._own(file, each) in (Role.HANDLER, Role.STREAM, Role.STARTUP)
                for several in (file.outermost[1:200], file.decorated())
                for each in several
                if each is not file.top
            )
            self._web[file.module] = known
        return known

    def _is_script(self, file: FileFacts) -> bool:
        """Say whether a file is made to be started, and parses its own command line or binds no server."""
        if not file.has_main_guard:
            return False
        refs = {call.ref for function in file.calling(*_STARTING) for call in function.calls}
        return any(ref.startswith(roles.ARGUMENTS) for ref in refs) or not any(roles.serves(ref) for ref in refs)
