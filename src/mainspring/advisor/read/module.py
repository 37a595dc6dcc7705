"""What the reading of all functions of a file shares: its source, names and classes, and what annotations and expressions mean."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from mainspring.advisor.finding import Place
from mainspring.advisor.read.facts import Decorator, Value
from mainspring.advisor.read.names import ALIASES, RETURNS, RETURNS_ATTRIBUTE, TRANSPARENT, UNKNOWN, YIELDING, Meaning, Names, class_of
from mainspring.advisor.read.source import Source

Def = ast.FunctionDef | ast.AsyncFunctionDef
_BLOCKS: dict[type[ast.stmt], tuple[str, ...]] = {
    ast.If: ("body", "orelse"), ast.For: ("body", "orelse"), ast.AsyncFor: ("body", "orelse"), ast.While: ("body", "orelse"),
    ast.With: ("body",), ast.AsyncWith: ("body",), ast.Match: ("cases",), ast.Try: ("body", "handlers", "orelse", "finalbody"),
}  # fmt: skip
if hasattr(ast, "TryStar"):  # except*: Python 3.11
    _BLOCKS[ast.TryStar] = _BLOCKS[ast.Try]
_LITERALS: dict[type[ast.expr], str] = {
    ast.List: "list", ast.ListComp: "list", ast.Dict: "dict", ast.DictComp: "dict", ast.Set: "set", ast.SetComp: "set",
    ast.Tuple: "tuple", ast.JoinedStr: "str", ast.GeneratorExp: "generator",
}  # fmt: skip


def statements(body: Iterable[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of a block and of the blocks in it, in order, without entering functions and classes."""
    found: list[ast.stmt] = []
    _add(body, found)
    return found


def _add(body: Iterable[ast.stmt], found: list[ast.stmt]) -> None:
    for statement in body:
        found.append(statement)
        for name in _BLOCKS.get(type(statement), ()):
            for part in getattr(statement, name):
                if isinstance(part, ast.stmt):
                    _add((part,), found)
                else:
                    _add(part.body, found)


class Module:
    """One file on its way to facts."""

    def __init__(self, name: str, source: Source, *, is_package: bool) -> None:
        self.name = name
        self.source = source
        self.package = name if is_package else name.rpartition(".")[0]
        self.names = Names(name)
        self.functions: dict[str, ast.expr | str | None] = {}  # dotted name -> annotation of what it returns, its class when that is read
        self.attributes: dict[str, dict[str, Meaning]] = {}  # dotted class -> attributes of its body and of self
        self.bases: dict[str, tuple[str, ...]] = {}
        self.classes: list[tuple[str, Place, tuple[Decorator, ...], tuple[tuple[str, Value], ...]]] = []  # by names in the module
        self.heads: set[tuple[int, int]] = set()  # lines of statements that hold a call, without the blocks in them
        self._statements: dict[ast.stmt, tuple[str, Place, str]] = {}

    def learn(self, tree: ast.Module) -> None:
        """Learn what the module and its classes define, so that functions may be read in any order."""
        level = statements(tree.body)
        for statement in level:
            self.learn_statement(statement, self.names, self.name)
        for statement in level:
            self._learn_assigned(statement, self.names)
        for statement in level:
            if isinstance(statement, ast.ClassDef):
                self.learn_class(statement, self.names, f"{self.name}.{statement.name}")

    def learn_statement(self, statement: ast.stmt, names: Names, prefix: str) -> None:
        """Learn an import or a definition."""
        if isinstance(statement, ast.Import):
            names.add_import(statement)
        elif isinstance(statement, ast.ImportFrom):
            names.add_import_from(statement, self.package)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            names.known[statement.name] = Meaning(f"{prefix}.{statement.name}")
            self.functions[f"{prefix}.{statement.name}"] = statement.returns
        elif isinstance(statement, ast.ClassDef):
            names.known[statement.name] = Meaning(f"{prefix}.{statement.name}")

    def _learn_assigned(self, statement: ast.stmt, names: Names) -> None:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    names.known[target.id] = self.meaning_of_global(target.id, statement.value, names)
                elif isinstance(target, ast.Tuple | ast.List):
                    for part in target.elts:
                        if isinstance(part, ast.Name):
                            names.known[part.id] = Meaning(f"{self.name}.{part.id}")
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
            given = self.meaning_of_global(name, statement.value, names) if statement.value else Meaning(f"{self.name}.{name}")
            if given.ref != f"{self.name}.{name}" and given.ref:
                names.known[name] = given
            else:
                names.known[name] = Meaning(f"{self.name}.{name}", self.annotated(statement.annotation, names) or given.type)

    def meaning_of_global(self, name: str, value: ast.expr, names: Names) -> Meaning:
        """Say what a module's own name means by what is assigned to it: another name for the same, an annotation's alias, or an object."""
        own = f"{self.name}.{name}"
        if isinstance(value, ast.Subscript):
            annotated = self.annotated(value, names)
            return Meaning(annotated) if annotated else Meaning(own)
        meaning = self.meaning(value, names)
        if isinstance(value, ast.Name | ast.Attribute) and meaning.ref and not meaning.type:
            return Meaning(own) if meaning.ref == own else meaning
        return Meaning(own, meaning.type)

    def learn_class(self, node: ast.ClassDef, names: Names, dotted: str) -> None:
        """Learn the attributes of a class: of its body, and of ``self`` in its methods."""
        found = self.attributes.setdefault(dotted, {})
        bases = tuple(ref for base in node.bases if (ref := self.meaning(base, names).ref or self.annotated(base, names)))
        self.bases[dotted] = bases or self.bases.get(dotted, ())  # of two in branches, the one that stands in for what is missing has none
        body = Names(self.name, names)
        for statement in statements(node.body):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                found[statement.target.id] = Meaning("", self.annotated(statement.annotation, names))
            elif isinstance(statement, ast.Assign):
                meaning = self.meaning(statement.value, body)
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        is_alias = isinstance(statement.value, ast.Name | ast.Attribute) and meaning.ref
                        found[target.id] = meaning if is_alias else Meaning("", meaning.type)
            elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                self.functions[f"{dotted}.{statement.name}"] = statement.returns
            elif isinstance(statement, ast.ClassDef):
                body.known[statement.name] = Meaning(f"{dotted}.{statement.name}")
                self.learn_class(statement, names, f"{dotted}.{statement.name}")
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                self._learn_self(statement, names, found, dotted)

    def _learn_self(self, method: Def, names: Names, found: dict[str, Meaning], dotted: str) -> None:
        arguments = [*method.args.posonlyargs, *method.args.args, *method.args.kwonlyargs]
        if not arguments:
            return
        own = arguments[0].arg
        if any(_last(decorator) == "property" or _last(decorator) == "cached_property" for decorator in method.decorator_list):
            found.setdefault(method.name, Meaning("", self.annotated(method.returns, names) if method.returns else ""))
        block: Names | None = None
        for statement in statements(method.body):
            if isinstance(statement, ast.Assign):
                targets, value = statement.targets, statement.value
            elif isinstance(statement, ast.AnnAssign):
                targets, value = [statement.target], statement.value or ast.Constant(None)
            else:
                continue
            for target in targets:
                if not (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == own):
                    continue
                if block is None:
                    block = Names(self.name, names)
                    block.known[own] = Meaning("", dotted)
                    for argument in arguments[1:]:
                        type_ = self.annotated(argument.annotation, names) if argument.annotation else ""
                        block.known[argument.arg] = Meaning("", type_)
                meaning = self.meaning(value, block)
                if isinstance(statement, ast.AnnAssign):
                    meaning = Meaning("", self.annotated(statement.annotation, names) or meaning.type)
                elif not isinstance(value, ast.Name | ast.Attribute):
                    meaning = Meaning("", meaning.type)
                if (meaning.ref or meaning.type) or target.attr not in found:
                    known = found.get(target.attr)
                    if known is None or not known.type:
                        found[target.attr] = meaning

    def add_class(self, node: ast.ClassDef, name: str, decorators: tuple[Decorator, ...], values: tuple[tuple[str, Value], ...]) -> None:
        """Keep what the file says of a class."""
        self.classes.append((name, self.source.place(node), decorators, values))

    def forget(self) -> None:
        """Let go of the statements that were asked for: each holds the tree that it stands in."""
        self._statements.clear()

    def attribute(self, type_: str, name: str) -> Meaning:
        """Say what an attribute of an object of this file's own classes is; else its dotted name under the class."""
        seen: list[str] = [type_]
        for each in seen:
            known = self.attributes.get(each)
            if known is None:
                continue
            if name in known:
                meaning = known[name]
                return meaning if meaning.type or meaning.ref else Meaning(f"{each}.{name}")
            if f"{each}.{name}" in self.functions:
                return Meaning(f"{each}.{name}")
            seen.extend(base for base in self.bases.get(each, ()) if base not in seen)
        ref = f"{type_}.{name}"
        return Meaning(ALIASES.get(ref, ref))

    def returned(self, ref: str) -> str:
        """Return the class of what a call gives: by the function's own annotation in this file, else by its name."""
        if ref not in self.functions:
            return class_of(ref)
        annotation = self.functions[ref]
        if annotation is None:
            return f"{ref}()"
        return annotation if isinstance(annotation, str) else self.annotated(annotation, self.names, is_yielding=True)

    def statement(self, node: ast.stmt) -> tuple[str, Place, str]:
        """Return a statement's head on one line, where it stands whole, and what it assigns to as written."""
        known = self._statements.get(node)
        if known is None:
            body = getattr(node, "body", None)
            if body and isinstance(body, list):
                text = self.source.head(node, body[0])
                self.heads.add((node.lineno, max(node.lineno, body[0].lineno - 1)))
            else:
                text = self.source.cut(node, 400)
                self.heads.add((node.lineno, node.end_lineno or node.lineno))
            known = self._statements[node] = (text[:400], self.source.place(node), self._target(node))
        return known

    def _target(self, node: ast.stmt) -> str:
        if isinstance(node, ast.Assign):
            target = node.targets[0]
        elif isinstance(node, ast.AnnAssign):
            target = node.target
        else:
            return ""
        if isinstance(target, ast.Subscript):
            return f"{self.source.cut(target.value, 120) if isinstance(target.value, ast.Name | ast.Attribute) else '?'}[]"
        return self.source.cut(target, 120) if isinstance(target, ast.Name | ast.Attribute) else ""

    def member(self, base: Meaning, name: str) -> Meaning:
        """Say what an attribute of something means."""
        if base.type:
            return self.attribute(base.type, name)
        if not base.ref:
            return UNKNOWN
        if base.ref in self.attributes:
            return self.attribute(base.ref, name)
        ref = f"{base.ref}.{name}"
        return Meaning(ALIASES.get(ref, ref), RETURNS_ATTRIBUTE.get(ref, ""))

    def called(self, callee: Meaning, node: ast.Call, names: Names) -> str:
        """Return the class of what a call gives, "" where this file does not say."""
        if callee.type:  # an object that is called, such as a sessionmaker
            return RETURNS.get(callee.type, "")
        ref = callee.ref
        if not ref:
            return ""
        if ref == "super":
            return names.find("super()")[0].type if node.args == [] else ""
        if ref == "typing.cast":
            return self.annotated(node.args[0], names) if node.args else ""
        return ref if ref == "functools.partial" else self.returned(ref)

    def meaning(self, node: ast.expr, names: Names) -> Meaning:
        """Say what an expression means, without looking at what it does."""
        kind = type(node)
        if isinstance(node, ast.Name):
            return names.find(node.id)[0]
        if isinstance(node, ast.Attribute):
            return self.member(self.meaning(node.value, names), node.attr)
        if isinstance(node, ast.Call):
            return Meaning("", self.called(self.meaning(node.func, names), node, names))
        if isinstance(node, ast.Constant):
            return Meaning("", kind_of_constant(node.value))
        if isinstance(node, ast.Await | ast.NamedExpr):
            return self.meaning(node.value, names)
        if isinstance(node, ast.BoolOp):
            parts: list[ast.expr] = node.values[::-1]
        elif isinstance(node, ast.IfExp):
            parts = [node.body, node.orelse]
        else:
            return Meaning("", _LITERALS[kind]) if kind in _LITERALS else UNKNOWN
        return next((Meaning("", meaning.type) for part in parts if (meaning := self.meaning(part, names)).type), UNKNOWN)

    def annotated(self, node: ast.expr, names: Names, *, is_yielding: bool = False) -> str:
        """Return the dotted class behind an annotation: without Optional, Annotated and the like, "" where there is none."""
        if isinstance(node, ast.Name | ast.Attribute):
            meaning = self.meaning(node, names)
            return "" if meaning.ref in {"typing.Any", "None", "object", "typing.Self", "typing_extensions.Self"} else meaning.ref
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and len(node.value) < 200:
                try:
                    return self.annotated(ast.parse(node.value, mode="eval").body, names, is_yielding=is_yielding)
                except (SyntaxError, ValueError):
                    return ""
            return ""
        if isinstance(node, ast.BinOp):
            left = self.annotated(node.left, names, is_yielding=is_yielding)
            return left or self.annotated(node.right, names, is_yielding=is_yielding)
        if isinstance(node, ast.Subscript):
            last = _last(node.value)
            inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if last in TRANSPARENT or (is_yielding and last in YIELDING):
                for part in inner if last != "Annotated" else inner[:1]:
                    found = self.annotated(part, names, is_yielding=is_yielding)
                    if found:
                        return found
                return ""
            if last == "Union":
                return next((found for part in inner if (found := self.annotated(part, names))), "")
            return self.annotated(node.value, names)
        return ""


def kind_of_constant(value: object) -> str:
    """Return the class of a literal, "" for None and the ellipsis."""
    return "" if value is None or value is ... else type(value).__name__


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return _last(node.func) if isinstance(node, ast.Call) else ""
