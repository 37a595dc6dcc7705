"""The one door: bytes of a file to its facts. Never raises, whatever the bytes are: what cannot be read says why."""

from __future__ import annotations

import ast
import gc
import io
import tokenize
import warnings

from mainspring.advisor.finding import Place
from mainspring.advisor.read.body import Body
from mainspring.advisor.read.facts import MODULE, Class, Comment, FileFacts
from mainspring.advisor.read.module import Module
from mainspring.advisor.read.source import Source, Unreadable, decode

_MARK = "mainspring:"


def read_source(path: str, module: str, data: bytes, *, is_outline: bool = False) -> FileFacts:
    """Read one file. ``module`` is its dotted name. Syntax that this Python does not know, too, is a `FileFacts.problem`.

    An outline is what other files need to follow names through this one, in half the time: its own level and the heads of functions.
    """
    is_collecting = gc.isenabled()
    gc.disable()  # a tree is thousands of objects without one circle: looking for some takes a quarter of the time
    try:
        source = Source(decode(data))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source.text)
        return _facts(path, module, source, tree, is_outline=is_outline)
    except Unreadable as error:
        return _problem(path, module, f"cannot be decoded: {error}", 1)
    except SyntaxError as error:
        return _problem(path, module, f"cannot be parsed: {error.msg}", error.lineno or 1)
    except (ValueError, OverflowError) as error:
        return _problem(path, module, f"cannot be parsed: {error}", 1)
    except (RecursionError, MemoryError):
        return _problem(path, module, "is nested too deeply", 1)
    finally:
        if is_collecting:
            gc.enable()


def _problem(path: str, module: str, problem: str, line: int) -> FileFacts:
    return FileFacts(path, module, problem=problem[:300], problem_line=max(line, 1))


def _facts(path: str, name: str, source: Source, tree: ast.Module, *, is_outline: bool) -> FileFacts:
    is_package = path.rpartition("/")[2] in {"__init__.py", "__init__.pyi"}
    module = Module(name, source, is_package=is_package)
    module.learn(tree)
    top = Body(module, MODULE, module.names, Place(1, 1, max(len(source.lines), 1), 1))
    top.docstring = (ast.get_docstring(tree, clean=False) or "").strip().partition("\n")[0][:200]
    top.statements(tree.body)
    bodies = [top]
    for body in bodies:  # grows: nested ones are read after what is around them, when all of its names are known
        if not is_outline:
            for inner in body.bodies:
                inner.read()
        bodies.extend(body.bodies)
    functions = tuple([body.finish() for body in bodies])
    known = module.names.known
    return FileFacts(
        path=path, module=name,
        names=tuple((each, meaning.ref) for each, meaning in known.items() if meaning.ref and meaning.ref != f"{name}.{each}"),
        types=tuple((each, meaning.type) for each, meaning in known.items() if meaning.type),
        stars=tuple(module.names.stars), functions=functions,
        classes=_classes(module, source), comments=_comments(source) if _MARK in source.text else (),
        statements=tuple(sorted(module.heads)), lines=len(source.lines) - (not source.lines[-1]),
        has_main_guard=any(_is_main_guard(statement) for statement in tree.body), is_outline=is_outline,
    )  # fmt: skip


def _classes(module: Module, source: Source) -> tuple[Class, ...]:
    found = []
    for node, name, decorators, values in module.classes:
        dotted = f"{module.name}.{name}"
        attributes = tuple((key, meaning.type or meaning.ref) for key, meaning in module.attributes.get(dotted, {}).items())
        found.append(Class(name, source.place(node), module.bases.get(dotted, ()), attributes, decorators, values))
    return tuple(found)


def _comments(source: Source) -> tuple[Comment, ...]:
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT and _MARK in token.string:
                line, column = token.start
                found.append(Comment(token.string, line, column + 1, not token.line[:column].strip()))
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass  # the parser has accepted the file; what the tokenizer could not finish holds no comment
    return tuple(found)


def _is_main_guard(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.If) or not isinstance(statement.test, ast.Compare):
        return False
    sides = [statement.test.left, *statement.test.comparators]
    return any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
