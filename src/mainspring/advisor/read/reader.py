"""The one door: bytes of a file to its facts. Never raises, whatever the bytes are: what cannot be read says why."""

from __future__ import annotations

import ast
import gc
import io
import re
import tokenize
from collections.abc import Sequence

from mainspring.advisor.finding import Place
from mainspring.advisor.patterns import pattern
from mainspring.advisor.read.body import Body
from mainspring.advisor.read.facts import MODULE, Class, Comment, FileFacts, Function
from mainspring.advisor.read.module import Module
from mainspring.advisor.read.source import Source, Unreadable, decode, parsed

_MARK = "mainspring:"


def read_source(path: str, module: str, data: bytes, *, words: Sequence[str] = (), is_judged: bool = True) -> FileFacts:
    """Read one file. ``module`` is its dotted name. Syntax that this Python does not know, too, is a `FileFacts.problem`.

    What functions do is read when somebody asks (`Function`). Where rules are going to, those that hold a word of theirs are read at once:
    while the tree is there, that is cheaper. ``words`` are those, where somebody has looked for them.
    """
    is_collecting = gc.isenabled()
    gc.disable()  # a tree is thousands of objects without one circle: looking for some takes a quarter of the time
    try:
        source = Source(decode(data))
        return _facts(path, module, source, parsed(source.text), words, is_judged=is_judged)
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


def _facts(path: str, name: str, source: Source, tree: ast.Module, words: Sequence[str], *, is_judged: bool) -> FileFacts:
    is_package = path.rpartition("/")[2] in {"__init__.py", "__init__.pyi"}
    module = Module(name, source, is_package=is_package)
    module.learn(tree)
    docstring = (ast.get_docstring(tree, clean=False) or "").strip().partition("\n")[0][:200]
    top = Body(module, Function(MODULE, Place(1, 1, max(len(source.lines), 1), 1), docstring=docstring), module.names)
    top.statements(tree.body)
    lambdas = [each.finish() for each in top.read_whole()[1:]]
    outermost = [top.head, *lambdas, *(each.head for each in top.deferred if each.head is not None)]
    top.finish()
    known = module.names.known
    facts = FileFacts(
        path=path, module=name,
        names=tuple((each, meaning.ref) for each, meaning in known.items() if meaning.ref and meaning.ref != f"{name}.{each}"),
        types=tuple((each, meaning.type) for each, meaning in known.items() if meaning.type),
        stars=tuple(module.names.stars), outermost=tuple(outermost), comments=_comments(source) if _MARK in source.text else (),
        lines=len(source.lines) - (not source.lines[-1]), has_main_guard=any(_is_main_guard(statement) for statement in tree.body),
        source=source,
    )  # fmt: skip
    facts.holds = words or None
    if is_judged:
        facts.telling()
    if _CLASS.search(source.text):
        facts.speaking(("class ",))  # one in a function is a class of the file as well
    if facts.comments:
        assert facts.functions  # everything, since a comment may stand anywhere
        facts.statements = tuple(sorted(module.heads))
    facts.classes = _classes(module)
    for each in top.deferred:
        each.forget()
    module.forget()
    return facts


_CLASS = pattern(r"^[ \t]+class\s", re.MULTILINE)


def _classes(module: Module) -> tuple[Class, ...]:
    found = []
    for name, place, decorators, values in module.classes:
        dotted = f"{module.name}.{name}"
        attributes = tuple((key, meaning.type or meaning.ref) for key, meaning in module.attributes.get(dotted, {}).items())
        found.append(Class(name, place, module.bases.get(dotted, ()), attributes, decorators, values))
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
