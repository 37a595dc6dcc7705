"""Reading one function: its statements in order, its loops, what it defines, and at the end its facts."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mainspring.advisor.finding import Place
from mainspring.advisor.read import loops
from mainspring.advisor.read.expressions import NONE, Expressions, last_of, path_of
from mainspring.advisor.read.facts import MODULE, Assign, Function, Loop, Value, ValueForm
from mainspring.advisor.read.fate import DROP, RETURN, USE, WITH, Event, Sink
from mainspring.advisor.read.module import Def, Module
from mainspring.advisor.read.names import UNKNOWN, Meaning, Names

_UNREAD = Loop(Place(0, 0, 0, 0), is_while=False, head="", is_endless=False, has_exit=True)


class Body(Expressions):
    """One function, method, lambda or module level, from syntax to a `Function`."""

    def __init__(self, module: Module, head: Function, names: Names, gives: str = "") -> None:
        super().__init__(module, head.name, names)
        self.head = head
        self.bodies: list[Body] = []
        self.deferred: list[Deferred] = []
        self._gives = gives
        self._pending: Callable[[], None] | None = None
        self._loops: list[Loop] = []
        self._ways: list[_Ways] = []  # out of the loops around the current statement
        self._conditions: list[tuple[int, str]] = []  # at which depth of loops, and as written
        self._assigns: list[Assign] = []
        self._raises: dict[str, None] = {}
        self._returns: list[Value] = []

    def read(self) -> None:
        """Read what was left for later, when all names around it are known."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending()

    def statements(self, body: Iterable[ast.stmt]) -> None:
        """Read statements in order."""
        for statement in body:
            self._statement = statement
            reader = _STATEMENTS.get(type(statement))
            if reader is not None:
                reader(self, statement)
            else:
                for child in ast.iter_child_nodes(statement):
                    if isinstance(child, ast.expr):
                        self.expr(child, USE)

    def _expression(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.expr(node.value, DROP)

    # Assignments

    def _assign(self, node: ast.Assign) -> None:
        target, value = node.targets[0], node.value
        if (
            isinstance(target, ast.Tuple)
            and isinstance(value, ast.Tuple)
            and len(node.targets) == 1
            and len(target.elts) == len(value.elts)
            and not any(isinstance(part, ast.Starred) for part in (*target.elts, *value.elts))
        ):
            for each, given in zip(target.elts, value.elts, strict=True):
                self._assign_one([each], given)
        else:
            self._assign_one(node.targets, value)

    def _assign_one(self, targets: Sequence[ast.expr], node: ast.expr, annotation: ast.expr | None = None) -> None:
        sinks = [sink for target in targets for sink in self._sinks(target)]
        value = self.value(node, sinks[0] if len(sinks) == 1 else Sink("many", many=tuple(sinks)))
        for target in targets:
            self._bind(target, node, value, annotation)
            self._record(target, value)

    def _record(self, target: ast.expr, value: Value) -> None:
        """Keep an assignment that others may see."""
        if isinstance(target, ast.Name):
            if not self._is_global(target):
                return
            owner, attribute = self.module.name, target.id
        elif isinstance(target, ast.Attribute | ast.Subscript):
            base = self._resolve(target.value)[0]
            owner = base.type or base.ref or "?"
            attribute = target.attr if isinstance(target, ast.Attribute) else "[]"
        else:
            return
        cut, place = self._source.cut(target, 120), self._source.place(target)
        self._assigns.append(Assign(cut, owner, attribute, value, place, self._inside, self._loop))

    def _annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign_one([node.target], node.value, node.annotation)
        elif isinstance(node.target, ast.Name) and not self.names.is_module:
            self.names.known[node.target.id] = Meaning("", self.module.annotated(node.annotation, self.names))

    def _augmented(self, node: ast.AugAssign) -> None:
        path = path_of(node.target)
        value = self.value(node.value, Sink("name", path) if path else USE)
        self._record(node.target, value)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                self.expr(target.value, USE)

    def _declare(self, node: ast.Global | ast.Nonlocal) -> None:
        self._declared.update(node.names)
        if isinstance(node, ast.Nonlocal):
            self._captures.update(dict.fromkeys(node.names))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if not self.names.is_module:
            self.module.learn_statement(node, self.names, "")

    # Ways out

    def _return(self, node: ast.Return) -> None:
        self._leave(range(len(self._ways)))
        if node.value is not None:
            self._returns.append(self.value(node.value, RETURN))

    def _break(self, _: ast.Break) -> None:
        self._leave(range(len(self._ways) - 1, len(self._ways)))

    def _raise(self, node: ast.Raise) -> None:
        if self._ways and "try" not in self._inside[self._ways[-1].inside :]:
            self._leave(range(len(self._ways)), is_error=True)
        if node.exc is not None:
            target = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            meaning, path, _ = self._resolve(target)
            self._raises[meaning.ref or path or "?"] = None
            self.expr(node.exc, USE)
            if node.cause is not None:
                self.expr(node.cause, USE)

    def _leave(self, depths: range, *, is_error: bool = False) -> None:
        """Note under which conditions loops are left here."""
        for depth in depths:
            text = " and ".join([text for at, text in self._conditions if at > depth])[:200]
            self._ways[depth].exits.append((text, is_error))

    # Blocks

    def _block(self, body: Sequence[ast.stmt], mark: str = "") -> None:
        """Read a block that may be left out; ``mark`` says in ``inside`` why."""
        blocks, inside = self._blocks, self._inside
        self._order += 1
        self._blocks = (*blocks, self._order)
        if mark:
            self._inside = (*inside, mark)
        self.statements(body)
        self._blocks, self._inside = blocks, inside

    def _under(self, condition: str, body: Sequence[ast.stmt], mark: str) -> None:
        self._conditions.append((len(self._ways), condition))
        self._block(body, mark)
        self._conditions.pop()

    def _if(self, node: ast.If) -> None:
        self.expr(node.test, USE)
        text = self._source.cut(node.test, 200) if self._ways else ""
        self._under(text, node.body, "if")
        if node.orelse:
            self._under(f"not ({text})" if text else "", node.orelse, "else")

    def _while(self, node: ast.While) -> None:
        head = self._source.cut(node.test, 200)
        number = self._open_loop()
        self.expr(node.test, USE)
        exits, has_exit = self._run_loop(number, node.body)
        self._loops[number] = Loop(
            self._source.place(node), True, head, loops.is_endless_while(node.test, head), has_exit, self._loop, exits=exits
        )
        self._block(node.orelse, "else")

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        iterates = self.value(node.iter, Sink("iter", many=(self._each(node.target),)))
        number = self._open_loop()
        self._bind(node.target, None, None)
        exits, has_exit = self._run_loop(number, node.body)
        is_endless = False
        if isinstance(node.iter, ast.Call):
            is_endless = loops.is_endless_for(iterates.text, len(node.iter.args))
        self._loops[number] = Loop(
            self._source.place(node), False, self._source.cut(node.iter, 200), is_endless, has_exit, self._loop, iterates,
            isinstance(node, ast.AsyncFor), exits,
        )  # fmt: skip
        self._block(node.orelse, "else")

    def _open_loop(self) -> int:
        number = len(self._loops)
        self._loops.append(_UNREAD)
        self._loop_parents.append(self._loop)
        self._loop = number
        self._ways.append(_Ways(len(self._inside)))
        return number

    def _run_loop(self, number: int, body: Sequence[ast.stmt]) -> tuple[tuple[str, ...], bool]:
        """Read a loop's body; return how it is left, and whether one of these ways shows that it got somewhere."""
        ways = self._ways[-1]
        for statement in body:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else None
            if isinstance(target, ast.Name) and loops.is_received(self._source.cut(statement, 200).partition("=")[2]):
                ways.sentinels.add(target.id)
        self._block(body)
        self._ways.pop()
        self._loop = self._loop_parents[number]
        has_exit = any(loops.is_deadline(text) if is_error else loops.is_exit(text, ways.sentinels) for text, is_error in ways.exits)
        return tuple([text for text, _ in ways.exits]), has_exit

    def _try(self, node: ast.Try) -> None:
        inside = self._inside
        self._inside = (*inside, "try")
        self.statements(node.body)
        self._inside = inside
        for handler in node.handlers:
            types = "" if handler.type is None else self._types_of(handler.type)
            if handler.name and not self.names.is_module:
                self.names.known[handler.name] = Meaning("", types.partition(",")[0])
            self._under(f"except {types}".rstrip(), handler.body, f"except:{types}" if types else "except")
        self.statements(node.orelse)
        if node.finalbody:
            self._inside = (*inside, "finally")
            self.statements(node.finalbody)
            self._inside = inside

    def _types_of(self, node: ast.expr) -> str:
        """Return the errors that a handler takes, with commas between them."""
        found = []
        for each in node.elts if isinstance(node, ast.Tuple) else [node]:
            meaning, path, _ = self._resolve(each)
            found.append(meaning.ref or path or "?")
        return ",".join(found)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        inside = self._inside
        for item in node.items:
            manager = item.context_expr
            number = len(self._calls)
            sinks = self._sinks(item.optional_vars) if item.optional_vars is not None else []
            value = self.value(manager, Sink("many", many=(WITH, *sinks)) if sinks else WITH)
            ref = self._calls[number].ref if value.form is ValueForm.CALL else value.type or value.text
            self._inside = (*self._inside, f"with:{ref}")
            if item.optional_vars is not None:
                self._bind(item.optional_vars, manager, value)
            path = path_of(item.optional_vars if item.optional_vars is not None else manager)
            if path is not None:
                self._managed[path] = value.type or ref
        self.statements(node.body)
        self._inside = inside

    def _match(self, node: ast.Match) -> None:
        self.expr(node.subject, USE)
        subject = self._source.cut(node.subject, 80)
        for case in node.cases:
            for pattern in ast.walk(case.pattern):
                name = getattr(pattern, "name", None) or getattr(pattern, "rest", None)
                if isinstance(name, str) and not self.names.is_module:
                    self.names.known[name] = UNKNOWN
            if case.guard is not None:
                self.expr(case.guard, USE)
            self._under(f"match {subject}", case.body, "if")

    # Definitions

    def _inner_name(self, name: str) -> str:
        return name if self.name == MODULE else f"{self.name}.<locals>.{name}"

    def _define(self, node: Def) -> None:
        name = self._inner_name(node.name)
        if not self.names.is_module:
            dotted = f"{self.module.name}.{name}"
            self.names.known[node.name] = Meaning(dotted)
            self.module.functions[dotted] = self.module.annotated(node.returns, self.names, is_yielding=True) if node.returns else None
        self._function(node, name, "")

    def _function(self, node: Def, name: str, owner: str) -> None:
        """Read a function's head now, as a part of this body, and leave its own body for later."""
        decorated = self.decorators(node.decorator_list)
        inner = Names(self.module.name, self.names)
        params = self.parameters(node.args, inner, owner, [each.ref for each in decorated])
        gives = self.module.annotated(node.returns, self.names, is_yielding=True) if node.returns is not None else ""
        place, is_async, first = self._source.place(node), isinstance(node, ast.AsyncFunctionDef), _first_line(node)
        if self.names.is_module:
            if node.returns is not None:
                self.module.functions[f"{self.module.name}.{name}"] = gives
            line = min([each.lineno for each in node.decorator_list], default=node.lineno)
            deferred = Deferred(self.module, inner, node, gives)
            deferred.head = Function(
                name,
                place,
                is_async=is_async,
                params=params,
                decorators=decorated,
                docstring=first,
                line=line,
                gives=gives,
                read=deferred.do,
            )
            self.nested.append(deferred)
            self.deferred.append(deferred)
        else:
            body = Body(
                self.module, Function(name, place, is_async=is_async, params=params, decorators=decorated, docstring=first), inner, gives
            )
            self._later(body, lambda: body.statements(node.body))

    def _later(self, body: Body, read: Callable[[], None]) -> None:
        body._pending = read
        self.nested.append(body)
        self.bodies.append(body)

    def _lambda(self, node: ast.Lambda, _: Sink) -> None:
        inner = Names(self.module.name, self.names)
        params = self.parameters(node.args, inner, "", ())
        body = Body(self.module, Function(self._lambda_name(node), self._source.place(node), params=params), inner)
        body._statement = self._statement
        self._later(body, lambda: body._returns.append(body.value(node.body, RETURN)))
        self._seen.append(f"{self.module.name}.{body.name}")

    def _class(self, node: ast.ClassDef) -> None:
        name = self._inner_name(node.name)
        if not self.names.is_module:
            dotted = f"{self.module.name}.{name}"
            self.names.known[node.name] = Meaning(dotted)
            self.module.learn_class(node, self.names, dotted)
        self._class_body(node, name)

    def _class_body(self, node: ast.ClassDef, name: str) -> None:
        """Read a class: its own level belongs to this body, its methods are functions."""
        decorated = self.decorators(node.decorator_list)
        for keyword in node.keywords:
            self.expr(keyword.value, USE)
        values: list[tuple[str, Value]] = []
        self._class_level(node.body, name, values)
        self.module.add_class(node, name, decorated, tuple(values))

    def _class_level(self, body: Iterable[ast.stmt], name: str, values: list[tuple[str, Value]]) -> None:
        for statement in body:
            self._statement = statement
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                self._function(statement, f"{name}.{statement.name}", f"{self.module.name}.{name}")
            elif isinstance(statement, ast.ClassDef):
                self._class_body(statement, f"{name}.{statement.name}")
            elif isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
                attribute = last_of(target)
                values.append((attribute, self.value(statement.value, Sink("keep", f"{name}.{attribute}"))))
            elif isinstance(statement, ast.Expr):
                self._expression(statement)
            elif isinstance(statement, ast.If):
                self.expr(statement.test, USE)
                self._class_level([*statement.body, *statement.orelse], name, values)
            elif isinstance(statement, ast.Try):
                self._class_level([*statement.body, *statement.orelse, *statement.finalbody], name, values)

    # The end

    def read_whole(self) -> list[Body]:
        """Read the bodies in this one, after what is around them, when all of its names are known; returns all of them, this one first."""
        bodies = [self]
        for body in bodies:  # grows
            for inner in body.bodies:
                inner.read()
            bodies.extend(body.bodies)
        return bodies

    def finish(self, inner: tuple[Function, ...] = ()) -> Function:
        """Say what the function does, when this body and those in it are read."""
        self.head.does(
            is_generator=self._is_generator, calls=tuple([self._finished(pending) for pending in self._calls]), loops=tuple(self._loops),
            assigns=tuple(self._assigns), raises=tuple(self._raises), returns=tuple(self._returns), globals=tuple(self._globals),
            captures=tuple(self._captures), awaits=tuple(self._awaits), texts=tuple(self._texts), gives=self._gives or self._given(),
            inner=inner,
        )  # fmt: skip
        return self.head

    def _given(self) -> str:
        """The class that all of its returns have in common."""
        types = {value.type for value in (self._yields if self._is_generator else self._returns) if value is not NONE}
        return types.pop() if len(types) == 1 else ""


class Deferred:
    """An outermost function whose own body nobody has asked for yet."""

    __slots__ = ("_body", "_gives", "_module", "_names", "_node", "head")

    def __init__(self, module: Module, names: Names, node: Def, gives: str) -> None:
        self._module, self._names, self._gives = module, names, gives
        self._node: Def | None = node  # as long as the tree of the file is there
        self.head: Function | None = None  # likewise: it knows this
        self._body: Body | None = None

    def do(self, head: Function) -> None:
        """Read it."""
        self.head = head
        self._read()
        self.forget()
        self._module.forget()

    def forget(self) -> None:
        """Let go of what only serves while the file itself is read."""
        self.head = self._body = self._node = None

    def mentions(self, path: str) -> list[Event]:
        """Return where it mentions a name of the file."""
        if self.head is None:
            return []
        name, place = path.partition(".")[0], self.head.place
        lines = self._module.source.lines[place.line - 1 : place.end_line]
        return self._read().mentions(path) if any(name in line for line in lines) else []

    def _read(self) -> Body:
        if self._body is None:
            assert self.head is not None
            place = self.head.place
            node = self._node or self._module.source.definition(place.line, place.end_line)
            body = self._body = Body(self._module, self.head, self._names, self._gives)
            body.statements(node.body)
            body.finish(tuple([each.finish() for each in body.read_whole()[1:]]))
        return self._body


class _Ways:
    """The ways out of one loop: conditions, and whether by an error; names that hold what a queue gave."""

    __slots__ = ("exits", "inside", "sentinels")

    def __init__(self, inside: int) -> None:
        self.exits: list[tuple[str, bool]] = []
        self.sentinels: set[str] = set()
        self.inside = inside


def _first_line(node: Def) -> str:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.value.value.strip().partition("\n")[0][:200]
    return ""


_STATEMENTS: dict[type[ast.stmt], Callable[[Any, Any], None]] = {
    ast.Expr: Body._expression,
    ast.Assign: Body._assign,
    ast.AnnAssign: Body._annotated,
    ast.AugAssign: Body._augmented,
    ast.Return: Body._return,
    ast.Break: Body._break,
    ast.Raise: Body._raise,
    ast.Delete: Body._delete,
    ast.Global: Body._declare,
    ast.Nonlocal: Body._declare,
    ast.Import: Body._import,
    ast.ImportFrom: Body._import,
    ast.If: Body._if,
    ast.While: Body._while,
    ast.For: Body._for,
    ast.AsyncFor: Body._for,
    ast.Try: Body._try,
    ast.With: Body._with,
    ast.AsyncWith: Body._with,
    ast.Match: Body._match,
    ast.FunctionDef: Body._define,
    ast.AsyncFunctionDef: Body._define,
    ast.ClassDef: Body._class,
}
if hasattr(ast, "TryStar"):  # except*: Python 3.11
    _STATEMENTS[ast.TryStar] = Body._try
