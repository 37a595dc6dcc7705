"""Reading expressions: each part of one flows somewhere, calls are noted, and arguments become values."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from typing import Any

from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.facts import MODULE, Decorator, Param, Value, ValueForm
from mainspring.advisor.read.fate import AWAIT, DROP, RETURN, USE, Sink
from mainspring.advisor.read.flow import Flow, Pending
from mainspring.advisor.read.module import Module
from mainspring.advisor.read.names import UNKNOWN, Meaning, Names, class_of

NONE, TRUE, FALSE = Value(ValueForm.NONE, "None"), Value(ValueForm.FLAG, "True"), Value(ValueForm.FLAG, "False")
_SQL = pattern(
    r"\bselect\b.+\bfrom\b|\binsert\s+(or\s+\w+\s+)?into\b|\bupdate\b.+\bset\b|\bdelete\s+from\b|^\s*listen\s+[\w?]+|\bskip\s+locked\b",
    re.IGNORECASE | re.DOTALL,
)
"""Statements, not prose that speaks of updating and deleting."""
_GIVES_HANDLE = frozenset({"create_subprocess_exec", "create_subprocess_shell", "open_process", "subprocess_exec", "start_server"})
"""Coroutine functions that answer with something that lives on: what is awaited is only its start."""
_DEPENDS = frozenset({"Depends", "Security", "Provide"})
_SHOWN = 80  # characters of what is called
_MANY = 200  # items of a literal that become values


class Expressions(Flow):
    """The part of a body's reader that knows expressions."""

    def __init__(self, module: Module, name: str, names: Names) -> None:
        super().__init__(module, names)
        self.name = name
        self._source = module.source
        self._statement: ast.stmt | None = None
        self._is_generator = False
        self._yields: list[Value] = []
        self._globals: dict[str, None] = {}
        self._captures: dict[str, None] = {}
        self._texts: list[tuple[int, str]] = []
        self._seen: list[str] = []  # dotted names, in order: an argument's are those since its beginning

    def expr(self, node: ast.expr, sink: Sink) -> None:
        """Read an expression whose value flows into ``sink``."""
        reader = _EXPRESSIONS.get(type(node))
        if reader is not None:
            reader(self, node, sink)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.expr(child, USE)

    def _text(self, node: ast.Constant, _: Sink) -> None:
        if isinstance(node.value, str):
            self._statement_text(node.lineno, node.value)

    def _statement_text(self, line: int, text: str) -> None:
        if len(text) > 8:
            text = text[:400]
            if _may_be_sql(text) and _SQL.search(text):
                self._texts.append((line, " ".join(text.split())))

    def _joined(self, node: ast.JoinedStr, _: Sink) -> None:
        parts = [part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "?" for part in node.values]
        self._statement_text(node.lineno, "".join(parts))
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.expr(part.value, USE)

    def _operation(self, node: ast.BinOp, _: Sink) -> None:
        self.expr(node.left, USE)
        self.expr(node.right, USE)

    def _operand(self, node: ast.UnaryOp, _: Sink) -> None:
        self.expr(node.operand, USE)

    def _comparison(self, node: ast.Compare, _: Sink) -> None:
        self.expr(node.left, USE)
        for part in node.comparators:
            self.expr(part, USE)

    # Names

    def _resolve(self, node: ast.expr) -> tuple[Meaning, str | None, Names | None]:
        """Say what a name or an attribute means, how it is written, and which block defines its first part."""
        if isinstance(node, ast.Name):
            meaning, block = self.names.find(node.id)
            return meaning, node.id, block
        if isinstance(node, ast.Attribute):
            base, path, block = self._resolve(node.value)
            return self.module.member(base, node.attr), None if path is None else f"{path}.{node.attr}", block
        return self.module.meaning(node, self.names), None, None

    def _refer(self, meaning: Meaning, path: str | None, block: Names | None) -> None:
        """Note a name that is read: one of the module, or one of a function around this."""
        if block is None or block.is_module:
            if meaning.ref and meaning.ref != path:
                self._globals[meaning.ref] = None
        elif block is not self.names and path is not None:
            self._captures[path.partition(".")[0]] = None
        self._seen.append(meaning.ref or path or "?")

    def _name(self, node: ast.Name, sink: Sink) -> None:
        meaning, block = self.names.find(node.id)
        self._refer(meaning, node.id, block)
        if sink is not USE:
            self._mention(node.id, sink)

    def _attribute(self, node: ast.Attribute, sink: Sink) -> None:
        self._read_attribute(node, sink)

    def _read_attribute(self, node: ast.Attribute, sink: Sink) -> tuple[Meaning, str | None]:
        meaning, path, block = self._resolve(node)
        if path is None:
            self.expr(node.value, USE)
            self._seen.append(meaning.ref or f"?.{node.attr}")
            return meaning, None
        self._refer(meaning, path, block)
        if sink is not USE:
            self._mention(path, sink)
        is_handed_on = sink.kind in ("arg", "keep", "name", "return")
        self._mention(path.rpartition(".")[0], Sink("attr", node.attr, 0 if is_handed_on else -1))
        return meaning, path

    # Calls

    def _call(self, node: ast.Call, sink: Sink) -> None:
        self._read_call(node, sink)

    def _read_call(self, node: ast.Call, sink: Sink, *, is_awaited: bool = False) -> Pending:
        number = len(self._calls)
        pending = Pending(sink, node, self._blocks, self._loop, self._inside, self._statement)
        pending.is_awaited = is_awaited
        self._calls.append(pending)
        meaning = self._callee(node.func, pending, number)
        pending.type = self.module.called(meaning, node, self.names)
        self._seen.append(pending.ref)
        arguments = Sink("arg", "", number)
        if node.args:
            pending.args = tuple([self.value(argument, arguments) for argument in node.args])
        if node.keywords:
            pending.keywords = tuple([(keyword.arg or "**", self.value(keyword.value, arguments)) for keyword in node.keywords])
        self._order += 1
        pending.order = self._order
        return pending

    def _callee(self, func: ast.expr, pending: Pending, number: int) -> Meaning:
        """Read what is called, and note its name."""
        if isinstance(func, ast.Attribute):
            pending.method = func.attr
            inner = func.value.value if isinstance(func.value, ast.Await) else func.value
            if isinstance(inner, ast.Call):
                self.expr(func.value, Sink("method", func.attr, number))
                meaning = self.module.member(Meaning("", self._calls[number + 1].type), func.attr)
            else:
                meaning, path, block = self._resolve(func)
                if path is None:
                    self.expr(func.value, Sink("method", func.attr, number))
                else:
                    pending.source = path[:_SHOWN]
                    pending.receiver = path.rpartition(".")[0]
                    if block is not None and block is not self.names and not block.is_module:
                        self._captures[path.partition(".")[0]] = None
                    self._mention(pending.receiver, Sink("method", func.attr, number))
            pending.ref = meaning.ref or f"?.{func.attr}"
        elif isinstance(func, ast.Name):
            meaning, block = self.names.find(func.id)
            if block is not None and block is not self.names and not block.is_module:
                self._captures[func.id] = None
            pending.ref = meaning.ref or f"?{func.id}"
            pending.source = func.id[:_SHOWN]
        else:
            meaning = self.module.meaning(func, self.names)
            self.expr(func, USE)
            if isinstance(func, ast.Lambda):
                meaning = Meaning(f"{self.module.name}.{self._lambda_name(func)}")
            pending.ref = meaning.ref or meaning.type or "?"
        return meaning

    def _await(self, node: ast.Await, sink: Sink) -> None:
        """An awaited call is over; what it gives flows on. What only starts something is not over."""
        is_end = sink is USE or sink is DROP
        inner = node.value
        onward = AWAIT if is_end else Sink("many", many=(AWAIT, sink))
        if isinstance(inner, ast.Call):
            last = inner.func.attr if isinstance(inner.func, ast.Attribute) else getattr(inner.func, "id", "")
            self._read_call(inner, sink if last in _GIVES_HANDLE else onward, is_awaited=True)
        else:
            self.expr(inner, onward)

    # Parts

    def _yield(self, node: ast.Yield | ast.YieldFrom, _: Sink) -> None:
        self._is_generator = True
        if node.value is not None:
            self._yields.append(self.value(node.value, RETURN))

    def _starred(self, node: ast.Starred, sink: Sink) -> None:
        self.expr(node.value, sink)

    def _collection(self, node: ast.List | ast.Tuple | ast.Set, sink: Sink) -> None:
        inner = _element(sink)
        for part in node.elts:
            self.expr(part, sink if isinstance(part, ast.Starred) else inner)

    def _dict(self, node: ast.Dict, sink: Sink) -> None:
        inner = _element(sink)
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                self.expr(key, inner)
            self.expr(value, inner)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, sink: Sink) -> None:
        for generator in node.generators:
            self.expr(generator.iter, Sink("iter", many=(self._each(generator.target),)))
            for part in ast.walk(generator.target):
                if isinstance(part, ast.Name) and not self.names.is_module:
                    self.names.known[part.id] = UNKNOWN
                    self._rebind(part.id)
            for condition in generator.ifs:
                self.expr(condition, USE)
        inner = _element(sink)
        if isinstance(node, ast.DictComp):
            self.expr(node.key, inner)
            self.expr(node.value, inner)
        else:
            self.expr(node.elt, inner)

    def _each(self, target: ast.expr) -> Sink:
        """What takes each of the values that a loop goes over."""
        return Sink("name", target.id) if isinstance(target, ast.Name) else Sink("many", many=tuple(self._sinks(target)))

    def _choice(self, node: ast.IfExp, sink: Sink) -> None:
        self.expr(node.test, USE)
        self.expr(node.body, sink)
        self.expr(node.orelse, sink)

    def _either(self, node: ast.BoolOp, sink: Sink) -> None:
        for part in node.values[:-1]:
            self.expr(part, USE if sink is DROP else sink)
        self.expr(node.values[-1], sink)

    def _walrus(self, node: ast.NamedExpr, sink: Sink) -> None:
        value = self.value(node.value, Sink("many", many=(*self._sinks(node.target), sink)))
        self._bind(node.target, node.value, value)

    def _subscript(self, node: ast.Subscript, sink: Sink) -> None:
        self.expr(node.value, USE if sink is USE else Sink("item", many=(sink,)))
        self.expr(node.slice, USE)

    # Targets

    def _sinks(self, target: ast.expr) -> list[Sink]:
        """What an assignment's target does with the value."""
        if isinstance(target, ast.Name):
            return [Sink("keep" if self._is_global(target) else "name", target.id)]
        if isinstance(target, ast.Attribute):
            return [Sink("keep", path_of(target) or f"?.{target.attr}")]
        if isinstance(target, ast.Subscript):
            path = path_of(target.value)
            return [Sink("item_of", path)] if path else [Sink("keep", "?[]")]
        if isinstance(target, ast.Starred):
            return self._sinks(target.value)
        if isinstance(target, ast.Tuple | ast.List):
            return [sink for part in target.elts for sink in self._sinks(part)]
        return [USE]

    def _is_global(self, target: ast.expr) -> bool:
        return isinstance(target, ast.Name) and (self.names.is_module or target.id in self._declared)

    def _bind(self, target: ast.expr, node: ast.expr | None, value: Value | None, annotation: ast.expr | None = None) -> None:
        """A name means something new from here on: what its annotation says, or the value."""
        if isinstance(target, ast.Name):
            self._rebind(target.id)
            if not self._is_global(target):
                self._learn(target.id, node, value, annotation)
        elif isinstance(target, ast.Attribute):
            if (path := path_of(target)) is not None:
                self._rebind(path)
            if isinstance(target.value, ast.Name | ast.Attribute | ast.Call):
                self.expr(target.value, Sink("store", target.attr))
        elif isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._bind(part, None, None)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, None, None)
        elif isinstance(target, ast.Subscript):
            self.expr(target.value, USE)
            self.expr(target.slice, USE)

    def _learn(self, name: str, node: ast.expr | None, value: Value | None, annotation: ast.expr | None) -> None:
        type_ = self.module.annotated(annotation, self.names) if annotation is not None else ""
        type_ = type_ or (value.type if value is not None else "")
        if type_:
            self.names.known[name] = Meaning("", type_)
        elif isinstance(node, ast.Name | ast.Attribute):
            meaning = self._resolve(node)[0]
            self.names.known[name] = meaning if meaning.ref else UNKNOWN
        elif isinstance(node, ast.Lambda) and value is not None:
            self.names.known[name] = Meaning(value.text)
        elif not (isinstance(node, ast.Constant) and name in self.names.known):  # x = None takes nothing from what is known
            self.names.known[name] = UNKNOWN

    # Functions

    def decorators(self, nodes: Iterable[ast.expr]) -> tuple[Decorator, ...]:
        """Read decorators, which run in this body."""
        found = []
        for node in nodes:
            func = node.func if isinstance(node, ast.Call) else node
            meaning, path, _ = self._resolve(func)
            ref = meaning.ref or (f"?.{func.attr}" if isinstance(func, ast.Attribute) else f"?{path or ''}")
            args: tuple[Value, ...] = ()
            keywords: tuple[tuple[str, Value], ...] = ()
            if isinstance(node, ast.Call):
                args = tuple([self.value(argument, USE) for argument in node.args])
                keywords = tuple([(keyword.arg or "**", self.value(keyword.value, USE)) for keyword in node.keywords])
            if path is None:
                self.expr(func, USE)
            found.append(Decorator(ref, args, keywords, self._source.place(node), isinstance(node, ast.Call)))
        return tuple(found)

    def parameters(self, node: ast.arguments, inner: Names, owner: str, decorators: Iterable[str]) -> tuple[Param, ...]:
        """Read parameters, and tell the function's own names; defaults are evaluated in this body. ``owner``: the class of a method."""
        positional = [*node.posonlyargs, *node.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(node.defaults)) + list(node.defaults)
        found = []
        for argument, default in [*zip(positional, defaults, strict=True), *zip(node.kwonlyargs, node.kw_defaults, strict=True)]:
            annotation = argument.annotation
            type_ = self.module.annotated(annotation, self.names) if annotation is not None else ""
            value = self.value(default, USE) if default is not None else None
            depends = self._depends(annotation, default) if default is not None or annotation is not None else ""
            type_ = type_ or (class_of(depends) if depends else "")
            inner.known[argument.arg] = Meaning("", type_)
            text = self._source.cut(annotation, 200) if annotation is not None else ""
            found.append(Param(argument.arg, text, type_, value, self._source.place(argument), depends))
        for rest, mark, type_ in ((node.vararg, "*", "tuple"), (node.kwarg, "**", "dict")):
            if rest is not None:
                inner.known[rest.arg] = Meaning("", type_)
                found.append(Param(f"{mark}{rest.arg}", "", "", None, self._source.place(rest)))
        if owner and positional and "staticmethod" not in decorators:
            first = positional[0].arg
            is_class = "classmethod" in decorators or first == "cls"
            inner.known[first] = Meaning(owner) if is_class else Meaning("", owner)
            bases = self.module.bases.get(owner, ())
            inner.known["super()"] = Meaning("", bases[0]) if bases else UNKNOWN
        return tuple(found)

    def _depends(self, annotation: ast.expr | None, default: ast.expr | None) -> str:
        """Return what a dependency names: ``= Depends(f)``, ``Annotated[T, Depends(f)]``."""
        places: list[ast.expr] = [default] if isinstance(default, ast.Call) else []
        if isinstance(annotation, ast.Subscript) and isinstance(annotation.slice, ast.Tuple):
            places += annotation.slice.elts[1:]
        for place in places:
            if isinstance(place, ast.Call) and last_of(place.func) in _DEPENDS and place.args:
                meaning, path, _ = self._resolve(place.args[0])
                return meaning.ref or path or ""
        return ""

    def _lambda_name(self, node: ast.Lambda) -> str:
        place = self._source.place(node)
        own = f"<lambda:{place.line}:{place.column}>"
        return own if self.name == MODULE else f"{self.name}.<locals>.{own}"

    def _lambda(self, node: ast.Lambda, _: Sink) -> None:
        raise NotImplementedError  # a function of its own: see `body`

    # Values

    def value(self, node: ast.expr, sink: Sink) -> Value:
        """Read an expression and describe it."""
        describe = _VALUES.get(type(node))
        if describe is not None:
            return describe(self, node, sink)
        start = len(self._seen)
        self.expr(node, sink)
        meaning = self.module.meaning(node, self.names)
        return Value(ValueForm.OTHER, self._source.cut(node, 200), names=self._names_since(start), type=meaning.type)

    def _names_since(self, start: int) -> tuple[str, ...]:
        found = self._seen[start:]
        return tuple(dict.fromkeys(found)) if len(found) > 1 else tuple(found)

    def _constant_value(self, node: ast.Constant, _: Sink) -> Value:
        value = node.value
        if value is None:
            return NONE
        if value is True or value is False:
            return TRUE if value else FALSE
        if isinstance(value, str):
            self._text(node, USE)
            return Value(ValueForm.TEXT, value[:200], type="str")
        if isinstance(value, int | float):
            return Value(ValueForm.NUMBER, self._source.cut(node, 40))
        return Value(ValueForm.OTHER, self._source.cut(node, 200), type=type(value).__name__)

    def _name_value(self, node: ast.Name, sink: Sink) -> Value:
        meaning, block = self.names.find(node.id)
        self._refer(meaning, node.id, block)
        if sink is not USE:
            self._mention(node.id, sink)
        text = meaning.ref or node.id
        return Value(ValueForm.REF, text, -1, (), (text,), meaning.type)

    def _attribute_value(self, node: ast.Attribute, sink: Sink) -> Value:
        meaning, path = self._read_attribute(node, sink)
        text = meaning.ref or path or self._source.cut(node, 200)
        return Value(ValueForm.REF, text, -1, (), (text,), meaning.type)

    def _call_value(self, node: ast.Call, sink: Sink) -> Value:
        start, number = len(self._seen), len(self._calls)
        pending = self._read_call(node, sink)
        return Value(ValueForm.CALL, pending.ref, number, (), self._names_since(start), pending.type)

    def _await_value(self, node: ast.Await, sink: Sink) -> Value:
        start, number = len(self._seen), len(self._calls)
        self.expr(node, sink)
        if isinstance(node.value, ast.Call):
            pending = self._calls[number]
            return Value(ValueForm.CALL, pending.ref, number, (), self._names_since(start), pending.type)
        meaning = self.module.meaning(node, self.names)
        return Value(ValueForm.OTHER, self._source.cut(node, 200), names=self._names_since(start), type=meaning.type)

    def _list_value(self, node: ast.List | ast.Tuple | ast.Set, sink: Sink) -> Value:
        start, inner = len(self._seen), _element(sink)
        items = tuple([self.value(part, sink if isinstance(part, ast.Starred) else inner) for part in node.elts[:_MANY]])
        for part in node.elts[_MANY:]:
            self.expr(part, inner)
        type_ = "list" if isinstance(node, ast.List) else "tuple" if isinstance(node, ast.Tuple) else "set"
        return Value(ValueForm.LIST, self._source.cut(node, 200), -1, items, self._names_since(start), type_)

    def _dict_value(self, node: ast.Dict, sink: Sink) -> Value:
        start, inner = len(self._seen), _element(sink)
        keys, items = [], []
        for number, (key, part) in enumerate(zip(node.keys, node.values, strict=True)):
            if key is not None:
                self.expr(key, inner)
            if number < _MANY:
                keys.append(key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else "")
                items.append(self.value(part, inner))
            else:
                self.expr(part, inner)
        return Value(ValueForm.DICT, self._source.cut(node, 200), -1, tuple(items), self._names_since(start), "dict", tuple(keys))

    def _lambda_value(self, node: ast.Lambda, sink: Sink) -> Value:
        self._lambda(node, sink)
        text = f"{self.module.name}.{self._lambda_name(node)}"
        return Value(ValueForm.REF, text, names=(text,))

    def _negative_value(self, node: ast.UnaryOp, sink: Sink) -> Value:
        if isinstance(node.operand, ast.Constant) and isinstance(node.operand.value, int | float):
            return Value(ValueForm.NUMBER, self._source.cut(node, 40))
        start = len(self._seen)
        self.expr(node.operand, USE)
        return Value(ValueForm.OTHER, self._source.cut(node, 200), names=self._names_since(start))


def _may_be_sql(text: str) -> bool:
    """Say cheaply whether a text holds a word that every statement of `_SQL` has: next to none does."""
    small = text.lower()
    return "from" in small or "set" in small or "into" in small or "listen" in small or "locked" in small or not text.isascii()


def _element(sink: Sink) -> Sink:
    """What takes one part of a value that ``sink`` takes whole."""
    return sink if sink is USE or sink is DROP else sink._replace(is_element=True)


def path_of(node: ast.expr) -> str | None:
    """Return a name or a chain of attributes of one as written."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = path_of(node.value)
        return None if base is None else f"{base}.{node.attr}"
    return None


def last_of(node: ast.expr) -> str:
    """Return the last part of a name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


_Reader = Callable[[Any, Any, Sink], None]
_EXPRESSIONS: dict[type[ast.expr], _Reader] = {
    ast.Constant: Expressions._text,
    ast.Name: Expressions._name,
    ast.Attribute: Expressions._attribute,
    ast.Call: Expressions._call,
    ast.Await: Expressions._await,
    ast.Yield: Expressions._yield,
    ast.YieldFrom: Expressions._yield,
    ast.Starred: Expressions._starred,
    ast.List: Expressions._collection,
    ast.Tuple: Expressions._collection,
    ast.Set: Expressions._collection,
    ast.Dict: Expressions._dict,
    ast.ListComp: Expressions._comprehension,
    ast.SetComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
    ast.DictComp: Expressions._comprehension,
    ast.IfExp: Expressions._choice,
    ast.BoolOp: Expressions._either,
    ast.NamedExpr: Expressions._walrus,
    ast.Subscript: Expressions._subscript,
    ast.BinOp: Expressions._operation,
    ast.UnaryOp: Expressions._operand,
    ast.Compare: Expressions._comparison,
    ast.JoinedStr: Expressions._joined,
    ast.Lambda: lambda self, node, sink: self._lambda(node, sink),
}
_VALUES: dict[type[ast.expr], Callable[[Any, Any, Sink], Value]] = {
    ast.Constant: Expressions._constant_value,
    ast.Name: Expressions._name_value,
    ast.Attribute: Expressions._attribute_value,
    ast.Call: Expressions._call_value,
    ast.Await: Expressions._await_value,
    ast.List: Expressions._list_value,
    ast.Tuple: Expressions._list_value,
    ast.Set: Expressions._list_value,
    ast.Dict: Expressions._dict_value,
    ast.Lambda: Expressions._lambda_value,
    ast.UnaryOp: Expressions._negative_value,
}
