"""Roles of functions: by path, decorators, base classes, registrations in the project, and by who calls them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mainspring.advisor import roles
from mainspring.advisor.codebase import MANY_FILES, Codebase
from mainspring.advisor.finding import Role
from mainspring.advisor.memory import Answers
from mainspring.advisor.read.facts import MODULE, Call, FileFacts, Function, Value, ValueForm

_REGISTERING = tuple(f"web.{each}(" for each in roles.MODULE_VERBS)
_OF_URLS = frozenset({"path", "re_path", "url"})  # of Django: elsewhere half of all functions call something so
_PAGES = frozenset({"gradio", "gr", "nicegui"})
_CALLED = frozenset({*roles.REGISTERS, *roles.HOOKS, *roles.STREAMS} - roles.MODULE_VERBS - _OF_URLS - roles.OF_PAGES)
_MADE = tuple(sorted({ref.rpartition(".")[2] for ref in roles.WEB}))
_ARGUMENTS = tuple(sorted({ref.rpartition(".")[2] for ref in roles.ARGUMENTS}))
_NAMED = frozenset({*roles.LIFESPANS, *roles.STARTS})
_ASIDE = ("def ", "async def ", "import ", "from ", "#")  # beginnings of lines that do nothing with a name
_DEEP = 6  # callers of callers
_MOST_FILES = 1_000  # of a project that are searched for one more caller: in more of them, nobody is taken for a command's own
_FEW_FILES = 8  # callers of one function that are worth a look at what each of them is
_MAKES = frozenset((Role.HANDLER, Role.STREAM, Role.TASK, Role.CLI, Role.STARTUP))
_OWNERS = frozenset((Role.CLI, Role.WORKER))


class _Said:
    """What a function says of others: registered as handlers or at startup, by canonical name; streamed, by name in the file."""

    def __init__(self) -> None:
        self.registered: dict[str, Role] = {}
        self.streamed: set[str] = set()


def _registering(file: FileFacts) -> tuple[str, ...]:
    """Return how a file may say that it registers something."""
    called = _CALLED | _OF_URLS if "urls" in file.says else _CALLED
    if not file.says.isdisjoint(_PAGES):
        called = called | roles.OF_PAGES
    calls = (f"{name}(" for name in sorted(file.says & called))
    on = ("on_",) if "nicegui" in file.says else ()
    return (*calls, *sorted(file.says & _NAMED), *(_REGISTERING if "web" in file.says else ()), *on, '")(', "')(")


class Places:
    """Answers of one project, kept."""

    def __init__(self, code: Codebase) -> None:
        self._code = code
        self._roles: Answers[tuple[str, str, int], Role] = Answers(code.memory)
        self._paths: Answers[str, Role | None] = Answers(code.memory)
        self._plain: Answers[tuple[str, str, int], Role | None] = Answers(code.memory)
        self._web: Answers[str, bool] = Answers(code.memory)
        self._sayings: Answers[tuple[str, str, int], _Said] = Answers(code.memory)
        self._scripts: Answers[str, bool] = Answers(code.memory)

    def of_file(self, file: FileFacts) -> Role | None:
        """Return the role that the path gives."""
        return self._paths.ask(file.path, None, self._find_of_file, file)

    def _find_of_file(self, file: FileFacts) -> Role | None:
        role = roles.role_of_path(file.path, self._code.settings)
        of_program = roles.role_of_program(file.path) if role is None else None
        if of_program is None:
            return role
        is_one = not self._is_imported(file, by_web=True) if of_program is Role.WORKER else self._is_program(file)
        return of_program if is_one else None

    def is_task_decorator(self, ref: str) -> bool:
        """Say whether a canonical decorator makes a task that an engine looks after."""
        return roles.of_decorator(ref, ()) is Role.TASK

    def role(self, file: FileFacts, function: Function) -> Role:
        """Return what a function is there for; a nested one is there for what its parent is there for."""
        key = (file.module, function.name, function.place.line)
        return self._roles.ask(key, Role.SERVICE, self._role, file, function)

    def _role(self, file: FileFacts, function: Function) -> Role:
        return self._plain_role(file, function) or self._by_callers(file, function)

    def _plain_role(self, file: FileFacts, function: Function) -> Role | None:
        """Return what a function is by itself and where it stands, None where only its callers may tell."""
        key = (file.module, function.name, function.place.line)
        return self._plain.ask(key, Role.SERVICE, self._find_plain_role, file, function)

    def _find_plain_role(self, file: FileFacts, function: Function) -> Role | None:
        given = roles.given_role(file.path, self._code.settings)
        if given is not None:
            return given
        of_path = self.of_file(file)
        if of_path in (Role.VENDORED, Role.TEST, Role.MIGRATION, Role.WORKER):
            return of_path
        if function.name == MODULE:
            return of_path or (Role.STARTUP if self.is_web(file) else Role.CLI if self._is_script(file) else Role.SERVICE)
        own = self._own(file, function)
        if Role.CLI in (own, of_path) and self._binds_a_server(function):
            return Role.STARTUP  # a command that serves
        if own is not None:
            return own
        if of_path is not None:
            return Role.SERVICE if of_path is Role.CLI and self._is_beside_a_server(file, function) else of_path
        parent = self._code.parents(file, function)
        if parent is not None:
            outer = self.role(file, parent)
            if outer is Role.FRAMEWORK or (outer is Role.STARTUP and not self._is_begun(parent, f"{file.module}.{function.name}")):
                return Role.SERVICE
            return outer
        if self._is_script(file) and not self.is_web(file):
            return Role.CLI
        last = function.name.rpartition(".")[2]
        return Role.SERVICE if last.startswith("__") or "<" in function.name else None

    def _is_beside_a_server(self, file: FileFacts, function: Function) -> bool:
        """Say whether a command that binds a server calls a function: what that begins goes on for as long as the server does."""
        return "/cli/" in f"/{file.path}" and any(self._binds_a_server(caller) for _, caller, _ in self._code.callers(file, function))

    def _binds_a_server(self, function: Function) -> bool:
        return any(roles.serves(self._code.canonical(call.ref)) for call in function.calls)

    def _is_begun(self, parent: Function, ref: str) -> bool:
        """Say whether a function calls or hands on the one that it defines: else it only makes it, for others to call."""
        return "<lambda" in ref or any(
            call.ref == ref or any(ref == value.text or ref in value.names for value in call.given) for call in parent.calls
        )

    def _by_callers(self, file: FileFacts, function: Function) -> Role:
        """A function that only commands call, or only workers, also through others, is theirs."""
        if self._owner(file, function, is_everywhere=False) is None or len(self._code.files) > _MOST_FILES:
            return Role.SERVICE
        return self._owner(file, function, is_everywhere=True) or Role.SERVICE

    def _owner(self, file: FileFacts, function: Function, *, is_everywhere: bool) -> Role | None:
        """Return what all callers of a function are, None where nobody calls it or they differ.

        ``is_everywhere``: also where no rule finds anything, for which every file is searched.
        """
        found: set[Role] = set()
        seen: set[int] = {id(function)}
        waiting = [(file, function)]
        for _ in range(_DEEP):
            further = []
            for callee_file, callee in waiting:
                callers = self._callers(callee_file, callee, is_everywhere=is_everywhere)
                if not callers:
                    return None
                for caller_file, caller in callers:
                    if id(caller) in seen:
                        continue
                    seen.add(id(caller))
                    role = self._plain_role(caller_file, caller)
                    if role is None:
                        further.append((caller_file, caller))
                    else:
                        found.add(self._owner_role(caller_file, caller, role))
                    if not found <= _OWNERS or len(found) > 1:
                        return None
            if not further:
                return found.pop() if found else None
            waiting = further
        return None

    def _callers(self, file: FileFacts, function: Function, *, is_everywhere: bool) -> Sequence[tuple[FileFacts, Function]]:
        """Return who calls a function; nobody where anything else speaks of it, or too many do for a look at each."""
        code, last = self._code, function.name.rpartition(".")[2]
        modules = code.mentioning(last)
        if not modules or len(modules) > _FEW_FILES:
            return ()
        calling = {caller_file.module for caller_file, _, _ in code.callers(file, function)}
        if not calling or any(module not in calling and self._speaks_of(code.file(module), last) for module in modules):
            return ()
        modules = code.search(f"{last}(") if is_everywhere else modules
        if not modules or len(modules) > _FEW_FILES:
            return ()
        return [(caller_file, caller) for caller_file, caller, _ in code.callers(file, function, modules) if caller is not function]

    def _speaks_of(self, file: FileFacts | None, name: str) -> bool:
        """Say whether a file does more with a name than to define or to import it."""
        if file is None or file.source is None:
            return False
        is_name = re.compile(rf"\b{re.escape(name)}\b")
        texts = (file.source.lines[line - 1].strip() for line in file.source.lines_with((name,)))
        return any(is_name.search(text) and not text.startswith(_ASIDE) and text.rstrip(",") != name for text in texts)

    def _owner_role(self, file: FileFacts, function: Function, role: Role) -> Role:
        """What a caller is: no command where it starts a server, or is a program without a command line, which may stand beside one."""
        if role is not Role.CLI:
            return role
        is_beside = self.of_file(file) is not role and self._is_script(file) and not self._reads_a_command_line(file)
        is_start = roles.starts_a_server(function.name.rpartition(".")[2]) or self._binds_a_server(function)
        return Role.SERVICE if is_beside or is_start else role

    def _own(self, file: FileFacts, function: Function) -> Role | None:
        """What the function itself, its class or a registration says."""
        code = self._code
        found: Role | None = None
        for decorator in function.decorators:
            texts = tuple(value.text for value in decorator.args if value.form is ValueForm.TEXT)
            role = self._decorated(code.canonical(decorator.ref), texts)
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
        if function.params and ((not owner and self._takes_request(function)) or any(param.depends for param in function.params)):
            return Role.HANDLER
        return None

    def _decorated(self, ref: str, texts: tuple[str, ...]) -> Role | None:
        """What a decorator gives: by its name, by the class of the project that it belongs to, or by what its own body does."""
        code = self._code
        role = roles.of_decorator(ref, texts)
        if role is not None:
            return role
        owner, _, method = ref.rpartition(".")
        known = code.function(ref)
        if known is None:
            if (
                method in roles.COMMANDS_OF
                and (group := code.function(owner)) is not None
                and self.role(group.file, group.function) is Role.CLI
            ):
                return Role.CLI
            bases = sorted(code.ancestors(owner) - {code.canonical(owner)}) if owner and code.class_of(owner) is not None else ()
            return next((role for base in bases if (role := roles.of_decorator(f"{base}.{method}", texts)) is not None), None)
        for body in (known.function, *known.file.within(known.function)):
            for call in body.calls:
                named = code.canonical(call.ref)
                if roles.registers(named) is not None and roles.is_unmistakable(named):
                    return Role.HANDLER
                if call.args and not named.endswith("()") and (role := roles.of_decorator(named, ())) in _MAKES:
                    return role
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
        if roles.RESOURCE_METHODS.fullmatch(last) and {"req", "resp"} <= {param.name for param in function.params}:
            return Role.HANDLER
        if any(base.endswith("Servicer") for base in code.ancestors(owner)) and not last.startswith("_"):
            return Role.HANDLER
        return None

    def _is_stream(self, file: FileFacts, function: Function) -> bool:
        """A websocket coroutine, or a generator that some response streams."""
        if any(param.type and "WebSocket" in param.type.rpartition(".")[2] for param in function.params):
            return True
        return function.is_generator and any(function.name in said.streamed for said in self._said(file, function.name))

    def _registered(self, file: FileFacts, function: Function) -> Role | None:
        """A route, a lifespan or a signal that names the function or its class, in this file or in another that mentions it."""
        code = self._code
        name = f"{file.module}.{function.name}"
        own = self._registered_in(file, name)
        wanted = code.owner(file, function) or name
        if own is None and wanted != name:
            own = self._registered_in(file, wanted)
        short = wanted.rpartition(".")[2]
        if own is not None or "<" in wanted:
            return own
        modules = code.mentioning(short)
        for module in modules if len(modules) <= MANY_FILES else ():
            other = code.file(module)
            if other is not None and other is not file:
                role = self._registered_in(other, wanted)
                if role is not None:
                    return role
        return None

    def _said(self, file: FileFacts, name: str) -> Iterator[_Said]:
        """Yield what the functions of a file register and stream that speak of a function or class; no others are read."""
        last = name.rpartition(".")[2]
        registering = file.holding(_registering(file))
        for outer in registering if "<" in name else [each for each in file.holding_name(last) if each in registering]:
            yield self._sayings.ask((file.module, outer.name, outer.line), _Said(), self._find_said, file, outer)

    def _find_said(self, file: FileFacts, outer: Function) -> _Said:
        said = _Said()
        for function in (outer, *outer.inner):
            for call in function.calls:
                for name, role in (*self._named_by(call), *self._made_for(file, function, call)):
                    said.registered.setdefault(self._code.canonical(name.removesuffix(".as_view").removesuffix("()")), role)
                if call.ref.rpartition(".")[2] in roles.STREAMS:
                    said.streamed.update(self._streamed_by(file, function, call))
            for assign in function.assigns:
                if assign.attribute in roles.LIFESPANS:
                    for name in assign.value.names:
                        said.registered.setdefault(self._code.canonical(name), Role.STARTUP)
        return said

    def _registered_in(self, file: FileFacts, name: str) -> Role | None:
        return next((role for said in self._said(file, name) if (role := said.registered.get(name)) is not None), None)

    def _streamed_by(self, file: FileFacts, function: Function, call: Call) -> Iterator[str]:
        """Names of this file's functions whose values a response streams."""
        prefix = f"{file.module}."
        for value in call.given:
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
        for key, value in call.keywords:
            if key.startswith("on_") and roles.PAGE_EVENTS.fullmatch(key) and roles.is_of_a_page(self._code.canonical(call.ref)):
                for name in value.names:
                    yield name, Role.HANDLER
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

    def _made_for(self, file: FileFacts, function: Function, call: Call) -> Iterator[tuple[str, Role]]:
        """Handlers that are made on the spot: ``add_api_route("/x", make(config))``, and ``app.get("/x")(f)``."""
        value: Value | None = None
        if call.ref.endswith("()") and len(call.args) == 1:
            value = call.args[0] if roles.of_decorator(self._code.canonical(call.ref.removesuffix("()")), ("/",)) is Role.HANDLER else None
        elif call.ref.rpartition(".")[2] in roles.REGISTERS and (taken := roles.registers(self._code.canonical(call.ref))) is not None:
            value = call.argument(*taken)
        if value is None:
            return
        if value.form is ValueForm.REF:
            yield value.text, Role.HANDLER
        elif value.form is ValueForm.CALL and (made := self._code.function(value.text)) is not None and made.file is file:
            for given in made.function.returns:
                yield from ((name, Role.HANDLER) for name in given.names if "<locals>" in name)

    def is_web(self, file: FileFacts) -> bool:
        """Say whether a file makes a web application or its routes, or belongs to one."""
        return self._web.ask(file.module, False, self._find_web, file)

    def _find_web(self, file: FileFacts) -> bool:
        refs = {
            self._code.canonical(call.ref)
            for function in file.naming(*_MADE)
            for call in function.calls
            if function is file.top or call.ref.rpartition(".")[2][:1].isupper()  # an object may make its application
        }
        types = {type_ for _, type_ in file.types}
        return bool((refs | types) & roles.WEB) or any(
            self._own(file, each) in (Role.HANDLER, Role.STREAM, Role.STARTUP)
            for several in (file.outermost[1:200], file.decorated())
            for each in several
            if each is not file.top
        )

    def _is_program(self, file: FileFacts) -> bool:
        """Say whether a file is started by itself, or reads a command line."""
        return (file.has_main_guard and not self._is_imported(file)) or self._reads_a_command_line(file)

    def _reads_a_command_line(self, file: FileFacts) -> bool:
        refs = (*(call.ref for function in file.naming(*_ARGUMENTS) for call in function.calls), *(name for _, name in file.names))
        return any(ref.startswith(roles.ARGUMENTS) for ref in refs)

    def _is_script(self, file: FileFacts) -> bool:
        """Say whether a file is made to be started for something else than to serve."""
        return self._scripts.ask(file.module, False, self._find_script, file)

    def _find_script(self, file: FileFacts) -> bool:
        return file.has_main_guard and self._is_started(file) and not self._is_imported(file)

    def _is_started(self, file: FileFacts) -> bool:
        """A server is a server, however it is started, unless serving is one of several commands of a program."""
        refs = {call.ref for function in file.functions for call in function.calls}
        is_server = any(roles.serves(ref) for ref in refs) or self._brings_a_server(file)
        return not is_server or any(roles.is_one_of_several(ref) for ref in refs)

    def _brings_a_server(self, file: FileFacts) -> bool:
        """Say whether a file calls or hands on what binds a web server in another one of the project."""
        calls = [call for function in file.functions for call in function.calls]
        used = {call.ref for call in calls} | {value.text for call in calls for value in call.given}
        for _, target in file.names:
            if not any(each == target or each.startswith(f"{target}.") for each in used):
                continue
            other = self._code.file(target) or self._code.file(target.rpartition(".")[0])
            if other is None or other is file or other.says.isdisjoint(roles.SERVER_WORDS):
                continue
            taken = "" if target == other.module else target.removeprefix(f"{other.module}.")
            said = (each for each in other.naming(*roles.SERVER_WORDS) if not taken or each.name.partition(".")[0] == taken)
            if any(map(self._binds_a_server, said)):
                return True
        return False

    def _is_imported(self, file: FileFacts, *, by_web: bool = False) -> bool:
        """Say whether code that is no command and no test takes what a file defines: then its guard is only one way in.

        ``by_web``: whether code of the web process does.
        """
        own = {each.name for each in file.classes if "." not in each.name} | {
            each.name for each in file.outermost[1:] if "." not in each.name and each.name != "main"
        }
        for name in own:
            modules = self._code.mentioning(name)
            for module in modules if len(modules) <= MANY_FILES else ():
                other = self._code.file(module)
                if other is None or other is file or self.of_file(other) is not None or other.has_main_guard:
                    continue
                if by_web and not self.is_web(other):
                    continue
                if any(target in (file.module, f"{file.module}.{name}") for _, target in other.names):
                    return True
        return False
